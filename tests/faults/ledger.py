"""What a broker was asked, what it promised, and whether a recovered one keeps it.

Per `broker.flush` a process kill takes nothing that was written, and a power cut at most: with `commit` nothing that
was acknowledged or visible, with `interval` what is younger than the interval, with `os` everything since the start.
Whatever is lost is lost from the end: what is served is what was written, in order, without gaps, once.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import Enum

from logpost_broker.log.batch import CRC_START, NO_PRODUCER, BatchHeader, crc_matches, read_header, whole_batches
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.log.producers import BATCHES_KEPT
from logpost_broker.log.records import build_batch
from logpost_broker.log.time_lookup import first_at_or_after
from logpost_broker.partitions.partitions import Partitions
from tests.broker.log.logs import NOW_MS, idempotent

READ_BYTES = 5000
LATER_MS = NOW_MS + 100_000_000
"""After all that a life wrote."""


class Crash(Enum):
    KILL = "kill"
    POWER_CUT = "power cut"


@dataclass(frozen=True, slots=True)
class Entry:
    """A batch that an append put into the log."""

    header: BatchHeader
    batch: bytes
    """As it was sent."""
    written_at: float

    @property
    def base(self) -> int:
        return self.header.base_offset

    @property
    def end(self) -> int:
        return self.header.last_offset + 1


@dataclass(slots=True)
class PartitionPromise:
    entries: list[Entry] = field(default_factory=list)
    lost: list[Entry] = field(default_factory=list)
    """Taken by earlier crashes: a reader that saw them must be able to tell."""
    start: int = 0
    start_wanted: int | None = None
    """Where the log start is being moved."""
    shown: int = 0
    """The highest high watermark that a consumer could see."""
    acked: int = 0
    """The end of the last batch whose acks=all was answered."""
    safe: int = 0
    """Known to be on the disk, whatever `broker.flush` says: closed in order, or recovered."""
    appending: bytes | None = None

    @property
    def end(self) -> int:
        return self.entries[-1].end if self.entries else self.start

    def kept_by(self, crash: Crash, flush: str, before: float) -> int:
        """The offset up to which `crash` may take nothing. `before`: what was written until then is older than the
        flush interval."""
        if crash is Crash.KILL:
            return self.end
        kept = self.safe
        if flush == "commit":
            kept = max(kept, self.shown, self.acked)
        if flush == "interval":
            old = [entry.end for entry in self.entries if entry.written_at < before]
            kept = max(kept, *old[-1:], 0)
        return kept

    def copy(self) -> PartitionPromise:
        return replace(self, entries=list(self.entries), lost=list(self.lost))


@dataclass(slots=True)
class TopicPromise:
    id: uuid.UUID
    partitions: list[PartitionPromise]

    def copy(self) -> TopicPromise:
        return TopicPromise(self.id, [partition.copy() for partition in self.partitions])


@dataclass(slots=True)
class Ledger:
    flush: str
    interval_s: float
    topics: dict[str, TopicPromise] = field(default_factory=dict)
    doing: tuple[str, str] = ("", "")
    """`create` or `delete` and a topic's name, `start`, `close`: what has not returned yet."""
    recovering_from: Crash | None = None
    """The start that is going on follows this crash."""
    now: float = 0.0
    leader_epoch: int = 0
    producer_ids: set[int] = field(default_factory=set)

    def copy(self) -> Ledger:
        return replace(
            self,
            topics={name: topic.copy() for name, topic in self.topics.items()},
            producer_ids=set(self.producer_ids),
        )

    def observe(self, partitions: Partitions, now: float) -> None:
        """Note what clients can see at this moment."""
        self.now = now
        self.leader_epoch = partitions.logs.leader_epoch
        for log in partitions.logs:
            name, _, number = log.directory.name.rpartition("-")
            topic = self.topics.get(name)
            if topic is not None:
                promise = topic.partitions[int(number)]
                promise.shown = max(promise.shown, log.high_watermark)

    def summary(self) -> str:
        """For who looks into a failure."""
        lines = []
        for name, topic in self.topics.items():
            for number, promise in enumerate(topic.partitions):
                batches = [f"{entry.base} (of {entry.header.producer_id})" for entry in promise.entries[-8:]]
                lost = [entry.base for entry in promise.lost[-8:]]
                lines.append(
                    f"{name}-{number}: start {promise.start} (wanted {promise.start_wanted}), shown {promise.shown}, "
                    f"acked {promise.acked}, safe {promise.safe}, end {promise.end}; batches {batches}, lost {lost}"
                )
        return "\n".join(lines)

    def check(self, partitions: Partitions, crash: Crash, rng: random.Random) -> None:
        """Whether `partitions`, recovered from `crash`, keeps every promise. Appends nothing."""
        if self.recovering_from is not None and crash is Crash.KILL:
            crash = self.recovering_from
        self._check_topics(partitions)
        if self.doing[0] not in ("start", "close") and any(True for _ in partitions.topics):
            assert partitions.logs.leader_epoch > self.leader_epoch, "the leader epoch did not rise"
        assert partitions.logs.leader_epoch >= self.leader_epoch, "the leader epoch fell"
        for topic, number, promise, log in self._logs(partitions):
            where = f"{topic}-{number}"
            self._check_bounds(promise, log, crash, where)
            _check_records(promise, log, partitions.logs.leader_epoch, where)
            _check_lookups(promise, log, rng, where)

    def _logs(self, partitions: Partitions) -> Iterator[tuple[str, int, PartitionPromise, PartitionLog]]:
        for name, promised in self.topics.items():
            topic = partitions.topics.by_name(name)
            if topic is not None:
                for number, promise in enumerate(promised.partitions):
                    yield name, number, promise, partitions.log(topic, number)

    def _check_topics(self, partitions: Partitions) -> None:
        found = {topic.name: topic.id for topic in partitions.topics}
        expected = {name: topic.id for name, topic in self.topics.items()}
        what, name = self.doing
        if what == "create" and name not in expected:
            found.pop(name, None)
        if what == "delete" and name not in found:
            del expected[name]
        assert found == expected, "the topics are not those that were created"

    def _check_bounds(self, promise: PartitionPromise, log: PartitionLog, crash: Crash, where: str) -> None:
        kept = promise.kept_by(crash, self.flush, self.now - self.interval_s)
        assert log.next_offset >= kept, f"{where}: promised up to {kept}, recovered up to {log.next_offset}"
        assert log.high_watermark == log.next_offset, f"{where}: recovered and not visible"
        assert log.log_start_offset >= promise.start, f"{where}: the log start went back"
        # The first records may be lost and later ones not, as long as none of them was promised.
        highest = max(
            promise.start, promise.start_wanted or 0, kept, log.log_start_offset if kept <= promise.start else 0
        )
        assert log.log_start_offset <= highest, f"{where}: the log start went too far"

    def settle(self, partitions: Partitions) -> None:
        """Go on from what a crash left: what is lost will not come back, what is there is promised again."""
        what, name = self.doing
        if what == "delete" and partitions.topics.by_name(name) is None:
            del self.topics[name]
        topic = partitions.topics.by_name(name)
        if what == "create" and topic is not None and name not in self.topics:
            self.topics[name] = TopicPromise(topic.id, [PartitionPromise() for _ in range(topic.partitions)])
        self.doing = ("", "")
        self.recovering_from = None
        self.leader_epoch = partitions.logs.leader_epoch
        for _, _, promise, log in self._logs(partitions):
            served = list(served_by(log))
            if promise.appending is not None and served and served[-1][0].base_offset >= promise.end:
                header, _ = served[-1]
                promise.entries.append(Entry(header, promise.appending, self.now))
            promise.lost += [entry for entry in promise.entries if entry.end > log.next_offset]
            promise.entries = [entry for entry in promise.entries if entry.end <= log.next_offset]
            promise.start, promise.start_wanted = log.log_start_offset, None
            promise.appending = None
            promise.shown = promise.acked = promise.safe = log.next_offset

    def check_going_on(self, partitions: Partitions, rng: random.Random) -> None:
        """Whether producers can go on where they were: what is in is a duplicate, what is not is taken, once."""
        for topic, number, promise, log in self._logs(partitions):
            where = f"{topic}-{number}"
            _check_producers(promise, log, where)
            _check_appends(log, rng, where)
        assert partitions.producer_ids.take() not in self.producer_ids, "a producer id was given out twice"


def _check_appends(log: PartitionLog, rng: random.Random, where: str) -> None:
    """New batches, enough of them to end a segment or two, are found by offset and by time."""
    first = log.next_offset
    for number in range(rng.choice([1, 4])):
        batch = build_batch([(None, rng.randbytes(rng.choice([10, 2500])))], LATER_MS + number)
        appended = log.append(batch, now_ms=LATER_MS)
        assert appended.base_offset == first + number, f"{where}: an offset was left out"
    job = log.begin_sync(checkpoint=rng.random() < 0.5, now_ms=LATER_MS)
    job.run()
    log.end_sync(job)
    [*_, (header, body)] = served_by(log)
    assert (header.base_offset, body[CRC_START:]) == (log.next_offset - 1, batch[CRC_START:]), f"{where}: the last one"
    for number in range(log.next_offset - first):
        assert read_header(log.read(first + number, 1)).base_offset == first + number, (
            f"{where}: a new one is not found"
        )
        found = first_at_or_after(log, LATER_MS + number)
        assert found is not None, f"{where}: a new one is not found by time"
        assert found.offset == first + number, f"{where}: another one is found by time"


def served_by(log: PartitionLog) -> Iterator[tuple[BatchHeader, bytes]]:
    """All batches as fetches give them."""
    offset = log.log_start_offset
    while offset < log.high_watermark:
        data = log.read(offset, READ_BYTES)
        before = offset
        for position, header in whole_batches(data):
            yield header, data[position : position + header.size_bytes]
            offset = header.last_offset + 1
        assert offset > before, f"nothing is served at {before}, although the end is {log.high_watermark}"


def _check_records(promise: PartitionPromise, log: PartitionLog, leader_epoch: int, where: str) -> None:
    written = [entry for entry in promise.entries if entry.end > log.log_start_offset]
    expected = iter(written)
    for header, batch in served_by(log):
        entry = next(expected, None)
        if entry is None:
            assert promise.appending is not None, f"{where}: a batch at {header.base_offset} that was not sent"
            assert batch[CRC_START:] == promise.appending[CRC_START:], f"{where}: not what was being appended"
            assert header.base_offset == promise.end, f"{where}: offsets were left out"
            break
        assert crc_matches(batch, header), f"{where}: a corrupt batch at {header.base_offset}"
        assert header.base_offset == entry.base, f"{where}: offset {entry.base} is served as {header.base_offset}"
        assert batch[CRC_START:] == entry.batch[CRC_START:], f"{where}: another record at {entry.base}"
        assert header.partition_leader_epoch == entry.header.partition_leader_epoch, f"{where}: another epoch"
    for entry in promise.entries + promise.lost:
        if entry.end > log.next_offset:
            assert entry.header.partition_leader_epoch < leader_epoch, (
                f"{where}: offset {entry.base} of epoch {leader_epoch} would be given to two records"
            )


def _check_lookups(promise: PartitionPromise, log: PartitionLog, rng: random.Random, where: str) -> None:
    there = [entry for entry in promise.entries if log.log_start_offset < entry.end <= log.next_offset]
    if not there:
        return
    entry = rng.choice(there)
    offset = rng.randint(max(entry.base, log.log_start_offset), entry.end - 1)
    assert read_header(log.read(offset, 1)).base_offset == entry.base, f"{where}: offset {offset} is not found"
    first = next(other for other in there if other.header.max_timestamp >= entry.header.max_timestamp)
    found = first_at_or_after(log, entry.header.max_timestamp)
    assert found is not None, f"{where}: no record at {entry.header.max_timestamp}"
    assert found.offset == max(first.base, log.log_start_offset), f"{where}: {found} is found by time, not {first.base}"


def _check_producers(promise: PartitionPromise, log: PartitionLog, where: str) -> None:
    """Each producer sends its last batches again, then the one that was lost or a new one."""
    for producer_id in {entry.header.producer_id for entry in promise.entries + promise.lost} - {NO_PRODUCER}:
        own = [entry for entry in promise.entries if entry.header.producer_id == producer_id]
        if own and own[-1].base < log.log_start_offset:
            continue  # whether it was lost as well, nobody can see any more
        for entry in own[-BATCHES_KEPT:]:
            if entry.base >= log.log_start_offset:
                again = log.append(entry.batch, now_ms=NOW_MS)
                assert again.duplicate, f"{where}: the batch at {entry.base} would be stored twice"
                assert again.base_offset == entry.base, f"{where}: a duplicate under another offset"
        sequence = own[-1].header.base_sequence + own[-1].header.record_count if own else 0
        lost = [entry.batch for entry in promise.lost if entry.header.producer_id == producer_id]
        following = [batch for batch in lost if read_header(batch).base_sequence == sequence]
        batch = (following or [idempotent(producer_id, sequence, [b"next"])])[0]
        assert not log.append(batch, now_ms=NOW_MS).duplicate, f"{where}: producer {producer_id} cannot go on"
