"""What the topics take of this box's disk, and how they give it back.

Only topics of the broker that keeps its logs in this box's data directory: those of another Kafka are its operator's.
Records go that the store has, the oldest of each partition first, never past what the group has committed. The broker
frees whole segments, at once, so those of topics that are large for their disk are made smaller.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping

from confluent_kafka import KafkaException

from logpost.config import MIB, Config
from logpost.listening import is_loopback
from logpost.said_once import SaidOnce
from logpost_web.indexer.log_sizes import log_sizes
from logpost_web.indexer.planner import PartitionKey
from logpost_web.indexer.reading import Reading
from logpost_web.indexer.source import Source

LOOK_SECONDS = 20.0
RETRY_SECONDS = 10.0
"""What was not committed yet may be by then."""
SEGMENTS = 32
"""Of `store.max_bytes`, those of all partitions are each at most this part."""

log = logging.getLogger("retention")


class TopicRoom:
    """Used by the indexer's thread."""

    def __init__(self, config: Config, source: Source) -> None:
        self._config = config
        self._source = source
        self._directory = config.data_directory() / "broker"
        self._next_look = self._next_trim = float("-inf")
        self._said = SaidOnce(log)
        self._errors: dict[str, str] = {}
        self._limited: tuple[set[str], int] = set(), 0
        self._sizes: dict[PartitionKey, int] = {}
        self.bytes = 0
        """At the last look."""
        self.error = ""
        """Why they are not counted, or not trimmed."""

    def existing(self, topics: Collection[str]) -> set[str]:
        """Those of the topics that there are; all where nobody says."""
        try:
            return {topic for topic, kafka_id in self._source.topics.ids(topics).items() if kafka_id}
        except KafkaException:
            return set(topics)

    def look(self, now: float, partitions: Mapping[PartitionKey, Reading]) -> None:
        """`now`: seconds of a clock that never goes back."""
        if now < self._next_look or not partitions or self._source.away or not _is_local(self._config):
            return
        self._next_look = now + LOOK_SECONDS
        try:
            found = log_sizes(self._config.kafka, partitions)
        except KafkaException as error:
            self._failed("look", "the broker does not say what topics take, which store.max_bytes counts: %s", error)
            return
        self._over("look")
        is_own = [one.resolve() for one in found.directories] == [self._directory.resolve()]
        self.bytes = sum(found.sizes.values()) if is_own else 0

    def trim(self, now: float, share: float, max_bytes: int, readings: Mapping[PartitionKey, Reading]) -> None:
        """Delete this share of the records, which is what they are over their limit."""
        if not self.bytes or self._source.away:
            return
        self._limit_segments({topic for topic, _ in readings}, max_bytes // (SEGMENTS * max(len(readings), 1)))
        if share <= 0 or now < self._next_trim:
            return
        self._next_trim = now + RETRY_SECONDS
        whole = {key: reading for key, reading in readings.items() if not reading.refilled_at}
        try:
            compacted = self._source.topics.are_compacted({topic for topic, _ in readings})
            whole = {key: reading for key, reading in whole.items() if not compacted[key[0]]}
            committed = self._source.committed(whole)
            starts = self._source.topics.starts_of(whole)
            ends = {key: min(committed[key], reading.indexed) for key, reading in whole.items()}
            offsets = {key: trimmed_to(starts[key], end, share) for key, end in ends.items()}
            self._source.topics.delete_before({key: to for key, to in offsets.items() if to > starts[key]})
        except KafkaException as error:
            self._failed("trim", "the oldest records of topics cannot be deleted for store.max_bytes: %s", error)
        else:
            self._over("trim")
            records = sum(max(offsets[key] - starts[key], 0) for key in offsets)
            if records:
                self._next_look = now  # before more goes
                log.info("deleted the oldest %d records of topics, which the store has: store.max_bytes", records)

    def _limit_segments(self, topics: set[str], size: int) -> None:
        """Before there is something to free: a segment that is large is freed late."""
        size = max(1 << size.bit_length() >> 1, MIB)  # a disk whose size changes a little changes nothing
        if (topics, size) == self._limited:
            return
        try:
            self._source.topics.limit_segments(topics, size)
        except KafkaException as error:
            self._said.warn("segments", "segment.bytes of topics cannot be made smaller: %s", error)
            if error.args[0].code() < 0:  # nobody answered
                return
        self._limited = topics, size

    def _failed(self, what: str, text: str, error: KafkaException) -> None:
        self._errors[what] = text % error.args[0].str()
        self._said.warn(what, "%s", self._errors[what])
        self.error = "; ".join(self._errors.values())

    def _over(self, what: str) -> None:
        self._said.over(what)
        self._errors.pop(what, None)
        self.error = "; ".join(self._errors.values())


def trimmed_to(start: int, end: int, share: float) -> int:
    """Where a partition begins when `share` of its records in [start, end) are deleted."""
    return start + int(max(end - start, 0) * min(share, 1.0))


def _is_local(config: Config) -> bool:
    hosts = [server.strip().rpartition(":")[0].strip("[]") for server in config.kafka.bootstrap_servers.split(",")]
    return all(host == "localhost" or is_loopback(host) for host in hosts)
