"""A compacted log against a dictionary, through transactions, time, restarts and crashes; and single stories."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from logpost_broker.log.cleaned_transactions import ABORT, COMMIT
from logpost_broker.log.compaction import CompactionLimits
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.log.records import Record
from logpost_broker.log.recovery import LastKnown
from tests.broker.log.compacting import (
    DAY_MS,
    batch_of,
    batches,
    compact,
    marker,
    visible,
)
from tests.broker.log.logs import NOW_MS, changed, close_cleanly, open_log, sync

KEYS = [b"a", b"b", b"c", b"d", b"a long key " * 20]
SEGMENT_BYTES = 1200
PRODUCERS = (7, 8)


@dataclass
class Written:
    """A record as it was written; `counts` is None while its transaction is open."""

    record: Record
    counts: bool | None
    readable: bool = True


class LogAgainstDictionary(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.written: list[Written] = []
        self.now_ms = NOW_MS
        self.first_dirty = 0
        self.known = LastKnown(is_compacted=True)
        self.sequences = dict.fromkeys(PRODUCERS, 0)
        self.last_batch: dict[int, bytes] = {}
        self.last_offset: dict[int, int] = {}
        self.open: dict[int, list[Written]] = {}
        self.cleaned_at: dict[int, int] = {}
        """Offset of a tombstone → when it was first cleaned."""
        self.log = self.opened()

    def opened(self) -> PartitionLog:
        return open_log(Path(self.directory.name) / "t-0", segment_bytes=SEGMENT_BYTES, known=self.known)

    def teardown(self) -> None:
        self.read_from_the_start()
        self.log.close()
        self.directory.cleanup()

    pairs = st.lists(
        st.tuples(st.sampled_from([*KEYS, *KEYS, None]), st.sampled_from([b"", b"v" * 30, b"w" * 200, None])),
        min_size=1,
        max_size=5,
    )

    def note(self, offset: int, pairs: list[tuple[bytes | None, bytes | None]], counts: bool | None) -> list[Written]:
        new = [
            Written(
                Record(offset + number, self.now_ms, key, None if value is None else value + b"%d" % offset), counts
            )
            for number, (key, value) in enumerate(pairs)
        ]
        self.written += new
        return new

    def send(self, pairs: list[tuple[bytes | None, bytes | None]], **fields: Any) -> int:
        offset = self.log.next_offset
        content = [(key, None if value is None else value + b"%d" % offset) for key, value in pairs]
        batch = batch_of(content, timestamp_ms=self.now_ms, **fields)
        assert self.log.append(batch, now_ms=NOW_MS).base_offset == offset
        if "producer" in fields:
            producer = fields["producer"]
            self.sequences[producer] += len(pairs)
            self.last_batch[producer], self.last_offset[producer] = batch, offset + len(pairs) - 1
        return offset

    @rule(pairs=pairs, codec=st.integers(0, 4))
    def write(self, pairs: list[tuple[bytes | None, bytes | None]], codec: int) -> None:
        self.note(self.send(pairs, codec=codec), pairs, counts=True)

    @rule(pairs=pairs, codec=st.integers(0, 4), producer=st.sampled_from(PRODUCERS))
    def write_in_a_transaction(self, pairs: list[tuple[bytes | None, bytes | None]], codec: int, producer: int) -> None:
        offset = self.send(pairs, codec=codec, producer=producer, sequence=self.sequences[producer], transactional=True)
        self.open.setdefault(producer, []).extend(self.note(offset, pairs, counts=None))

    @rule(producer=st.sampled_from(PRODUCERS), kind=st.sampled_from([ABORT, COMMIT]))
    def end_transaction(self, producer: int, kind: int) -> None:
        self.log.append(marker(producer, kind), now_ms=NOW_MS)
        for written in self.open.pop(producer, []):
            written.counts = kind == COMMIT

    @rule(producer=st.sampled_from(PRODUCERS), pairs=pairs)
    def write_once(self, producer: int, pairs: list[tuple[bytes | None, bytes | None]]) -> None:
        if producer not in self.open:
            offset = self.send(pairs, producer=producer, sequence=self.sequences[producer])
            self.note(offset, pairs, counts=True)

    @rule()
    def write_what_cannot_be_read(self) -> None:
        batch = batch_of([(b"a", b"v")], timestamp_ms=self.now_ms)
        offset = self.log.append(changed(batch[:-3] + b"\xff\xff\xff"), now_ms=NOW_MS).base_offset
        self.written.append(Written(Record(offset, self.now_ms, b"", b""), counts=True, readable=False))

    @rule(hours=st.integers(1, 30))
    def wait(self, hours: int) -> None:
        self.now_ms += hours * DAY_MS // 24

    @rule(rolled=st.booleans())
    def sync(self, rolled: bool) -> None:
        if rolled:
            self.log.roll_at(self.log.next_offset)
        sync(self.log, checkpoint=True)
        self.known = LastKnown(
            is_compacted=True, log_start_offset=self.log.log_start_offset, recovery_point=self.log.recovery_point
        )

    @rule(min_lag=st.sampled_from([0, DAY_MS]), merged=st.booleans())
    def compact(self, min_lag: int, merged: bool) -> None:
        limits = CompactionLimits(
            min_lag_ms=min_lag, delete_retention_ms=DAY_MS, segment_bytes=100_000 if merged else SEGMENT_BYTES
        )
        before = {header.base_offset for header, _ in batches(self.log)}
        self.first_dirty = compact(self.log, self.first_dirty, now_ms=self.now_ms, limits=limits)
        for written in self.written:
            if written.record.offset < self.first_dirty and written.record.value is None:
                self.cleaned_at.setdefault(written.record.offset, self.now_ms)
        assert {header.base_offset for header, _ in batches(self.log)} <= before
        self.each_key_is_there_once()

    def each_key_is_there_once(self) -> None:
        clean = [record for record in visible(self.log) if record.offset < self.first_dirty]
        keys = [record.key for record in clean]
        assert len(keys) == len(set(keys))
        assert None not in keys

    @rule(share=st.floats(0, 1))
    def delete_records(self, share: float) -> None:
        start = self.log.log_start_offset
        for segment in self.log.truncate_prefix(start + int((self.log.high_watermark - start) * share)):
            segment.delete()
        self.known = LastKnown(
            is_compacted=True, log_start_offset=self.log.log_start_offset, recovery_point=self.known.recovery_point
        )

    @rule()
    def restart(self) -> None:
        known = close_cleanly(self.log)
        self.known = LastKnown(
            clean=True, is_compacted=True, log_start_offset=known.log_start_offset, recovery_point=known.recovery_point
        )
        self.log = self.opened()
        self.known = LastKnown(
            is_compacted=True, log_start_offset=known.log_start_offset, recovery_point=known.recovery_point
        )
        self.read_from_the_start()

    @rule(without_snapshots=st.booleans())
    def crash(self, without_snapshots: bool) -> None:
        self.log.close()
        if without_snapshots:
            for path in self.log.directory.glob("*.snapshot"):
                path.unlink()
        self.log = self.opened()
        for producer, batch in self.last_batch.items():
            if self.last_offset[producer] >= self.log.log_start_offset:
                again = self.log.append(batch, now_ms=NOW_MS)
                assert again.duplicate
                assert again.last_offset == self.last_offset[producer]
        self.read_from_the_start()

    @rule()
    def read_from_the_start(self) -> None:
        """The invariant: a consumer comes to know the same as if nothing had been compacted."""
        sync(self.log)
        start = self.log.log_start_offset
        original = {written.record.offset: written.record for written in self.written}
        given = visible(self.log)
        assert [original[record.offset] for record in given] == given, "a record changed, or its offset"
        expected: dict[bytes, Record] = {}
        for written in self.written:
            if written.counts and written.readable and written.record.key is not None:
                expected[written.record.key] = written.record
        newest: dict[bytes | None, Record] = {record.key: record for record in given if record.key is not None}
        for key, record in expected.items():
            if record.offset < start:
                assert key not in newest
            elif record.value is not None or self.must_be_there(record.offset):
                assert newest[key] == record
            else:
                assert newest.get(key, record) == record

    def must_be_there(self, offset: int) -> bool:
        """A tombstone, for a day after it was first cleaned."""
        return self.now_ms < self.cleaned_at.get(offset, self.now_ms) + DAY_MS


TestLogAgainstDictionary = LogAgainstDictionary.TestCase
TestLogAgainstDictionary.settings = settings(stateful_step_count=40)
