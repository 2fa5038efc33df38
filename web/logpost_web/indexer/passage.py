"""The way through a partition: what the client cannot read is stepped over, and what it passes in silence is noticed.

A record that cannot be read stops none behind it, and no answer says that nothing is missing when one was.
"""

from __future__ import annotations

import contextlib
import logging

from confluent_kafka import KafkaException

from logpost.config import KafkaConfig
from logpost_web.indexer.account import RETENTION, Account
from logpost_web.indexer.obstacles import Obstacles
from logpost_web.indexer.planner import PartitionKey
from logpost_web.indexer.reading import Reading
from logpost_web.indexer.source import Source

MAX_UNANSWERED = 20
"""Questions about gaps, one a block, before they are taken for losses."""
UNEXPLAINED = "the client gave out no records, and the log could not be asked why"

log = logging.getLogger("indexer")


class Passage:
    """Used by the indexer's thread. Nothing here waits for a broker that is away: it is tried again."""

    def __init__(self, config: KafkaConfig, source: Source, account: Account) -> None:
        self._source = source
        self._account = account
        self._obstacles = Obstacles(config)
        self._unanswered = 0
        self.went_back = False
        """All partitions are read again from where they stand in the store; what was consumed before is not taken."""
        self.is_watchful = False
        """Every message must be admitted, not only those with another offset than the expected one."""

    def forget(self) -> None:
        """What was read and not inserted comes again."""
        self._obstacles.forget()

    def admits(self, key: PartitionKey, offset: int, reading: Reading) -> bool:
        """Whether to take the message at `offset`."""
        if self.went_back:
            return False
        limit = self._obstacles.overfull.get(key, offset + 1)
        if reading.expected < min(offset, limit):
            self._obstacles.gap(key, reading.expected, min(offset, limit))
            reading.expected = min(offset, limit)
        if offset >= limit:
            return False  # what follows is read again, behind that batch
        if offset >= reading.expected:
            return True
        if not self._is_overfull_before(key, offset):
            log.warning("%s-%d: the log went back to offset %d: looking at it again", *key, offset)
        self._look_again()
        return False

    def _look_again(self) -> None:
        self.went_back = self.is_watchful = True
        self._source.look_again()

    def _is_overfull_before(self, key: PartitionKey, offset: int) -> bool:
        with contextlib.suppress(KafkaException):
            return self._obstacles.find_overfull(key, offset)
        return False

    def clear_the_way(self, now: float) -> None:
        """To be called when all messages that were consumed are taken. `now`: monotonic seconds."""
        self.went_back, self.is_watchful = False, bool(self._obstacles.overfull)
        readings = self._account.readings
        log_ends = {key: self._source.end_offset(key) for key in readings}
        failed, self._source.failed = self._source.failed, {}
        for key, reading in list(readings.items()):
            end = self._source.ends.get(key, 0)
            if end > reading.expected and key not in self._obstacles.overfull:
                self._obstacles.gap(key, reading.expected, end)
                reading.expected = end
            if 0 <= log_ends[key] < reading.expected and self._is_overfull_before(key, log_ends[key]):
                self._look_again()
                return
        stalled = () if self._source.away else self._obstacles.stalled(readings, log_ends, now)
        for key in {*failed, *self._obstacles.overfull, *stalled} & readings.keys():
            said = failed.get(key, "")
            try:
                is_there = self._pass(key, readings[key], said)
            except KafkaException:
                if said:
                    self._source.failed[key] = said
                continue
            if not is_there:
                self._look_again()
                return

    def _pass(self, key: PartitionKey, reading: Reading, said: str) -> bool:
        """Step over what stands in the way; False where the log has no such offset: look at it again."""
        if reading.expected < self._obstacles.overfull.get(key, 0):
            return True
        found = self._obstacles.at(key, reading.expected, said)
        if found is None and said:
            start, end = self._source.topics.bounds_of(key)
            if reading.expected < start:
                found = reading.expected, start, RETENTION
            elif reading.expected > end:
                self._obstacles.find_overfull(key, end)
                return False
        if found is not None:
            self._account.step_over(key, *found)
            reading.step_to(found[1])
        was_overfull = self._obstacles.overfull.pop(key, None) is not None
        if found is not None or said or was_overfull:
            self._source.read_on({one: reading.expected for one, reading in self._account.readings.items()})
        return True

    def explain_gaps(self) -> bool:
        """Name what of the gaps is not as it must be; False when the broker could not be asked: ask it
        again."""
        try:
            compacted = self._source.topics.are_compacted({topic for topic, _ in self._obstacles.gaps})
            for key, (start, end, reason) in self._obstacles.take_gaps(compacted):
                self._account.step_over(key, start, end, reason)
        except KafkaException:
            self._unanswered += 1
            if self._unanswered < MAX_UNANSWERED:
                return False
            for key, gaps in self._obstacles.gaps.items():
                for start, end in gaps:
                    self._account.step_over(key, start, end, UNEXPLAINED)
            self._obstacles.gaps.clear()
        self._unanswered = 0
        return True
