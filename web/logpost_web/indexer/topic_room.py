"""What the topics take of this box's disk, and how they give it back.

Only topics of the broker that keeps its logs in this box's data directory: those of another Kafka are its operator's.
Records go that the store has, the oldest of each partition first, never past what the group has committed. The broker
frees whole segments, so those of topics that are large for their disk are made smaller.
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

LOOK_SECONDS = 60.0
RETRY_SECONDS = 30.0
"""What was not committed yet may be by then."""
FREED_SECONDS = 150.0
"""The broker keeps the files of a segment for a minute after it went (`file.delete.delay.ms`)."""
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
        self._sizes: dict[PartitionKey, int] = {}
        self.bytes = 0
        """At the last look, and without what the broker is about to free since."""
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
        self._sizes = found.sizes if is_own else {}
        self.bytes = sum(self._sizes.values())

    def trim(self, now: float, share: float, max_bytes: int, readings: Mapping[PartitionKey, Reading]) -> None:
        """Delete this share of the records, which is what they are over their limit."""
        if not self.bytes or share <= 0 or now < self._next_trim or self._source.away:
            return
        self._next_trim = now + RETRY_SECONDS
        whole = {key: reading for key, reading in readings.items() if not reading.refilled_at}
        try:
            self._limit_segments(readings, max_bytes)
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
            log_ends = {key: max(self._source.end_offset(key), ends[key]) for key in ends}
            freed = {
                key: freed_bytes(self._sizes.get(key, 0), starts[key], offsets[key], log_ends[key]) for key in ends
            }
            self.bytes = max(self.bytes - sum(freed.values()), 0)
            records = sum(max(offsets[key] - starts[key], 0) for key in offsets)
            if records:
                # Until the broker has given back what went it would look as if too much were taken.
                self._next_look = now + FREED_SECONDS
                log.info("deleted the oldest %d records of topics, which the store has: store.max_bytes", records)

    def _limit_segments(self, readings: Mapping[PartitionKey, Reading], max_bytes: int) -> None:
        """Who may not change settings frees large segments, later."""
        segment = max(max_bytes // (SEGMENTS * max(len(readings), 1)), MIB)
        try:
            self._source.topics.limit_segments({topic for topic, _ in readings}, segment)
        except KafkaException as error:
            self._said.warn("segments", "segment.bytes of topics cannot be made smaller: %s", error)

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


def freed_bytes(size: int, start: int, to: int, end: int) -> int:
    """What a log of `size` bytes with the offsets [start, end) gives back when it begins at `to`."""
    return size * max(to - start, 0) // max(end - start, 1)


def _is_local(config: Config) -> bool:
    hosts = [server.strip().rpartition(":")[0].strip("[]") for server in config.kafka.bootstrap_servers.split(",")]
    return all(host == "localhost" or is_loopback(host) for host in hosts)
