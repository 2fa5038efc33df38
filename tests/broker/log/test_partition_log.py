"""A partition's log against a list, through appends, syncs, restarts and crashes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError
from logpost_broker.log.batch import LOG_APPEND_TIME, read_header
from logpost_broker.log.records import build_batch, records_in
from logpost_broker.log.recovery import LastKnown
from logpost_broker.log.time_lookup import first_at_or_after, newest_timestamp
from tests.broker.log.logs import NOW_MS, append, close_cleanly, idempotent, open_log, sync, values_from

SEGMENT_BYTES = 3000


class LogAgainstList(RuleBasedStateMachine):
    """The model: all values ever appended, where the log starts, and up to where it was synced."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.values: list[bytes] = []
        self.times: list[int] = []
        self.start = 0
        self.synced = 0
        self.known = LastKnown()
        self.open()

    def open(self) -> None:
        self.log = open_log(Path(self.directory.name) / "t-0", segment_bytes=SEGMENT_BYTES, known=self.known)

    @rule(count=st.integers(1, 5), size=st.integers(0, 900), time=st.integers(0, 50))
    def append(self, count: int, size: int, time: int) -> None:
        values = [b"%d" % (len(self.values) + number) + b"." * size for number in range(count)]
        assert append(self.log, *values, timestamp_ms=time) == len(self.values)
        self.values += values
        self.times += [time] * count

    @rule(checkpoint=st.booleans())
    def sync(self, checkpoint: bool) -> None:
        sync(self.log, checkpoint=checkpoint)
        self.synced = len(self.values)
        self.known = LastKnown(log_start_offset=self.start, recovery_point=self.log.recovery_point)

    @rule(share=st.floats(0, 1))
    def truncate_prefix(self, share: float) -> None:
        self.start = self.start + int((self.synced - self.start) * share)
        for segment in self.log.truncate_prefix(self.start):
            segment.delete()
        self.known = LastKnown(log_start_offset=self.start, recovery_point=self.log.recovery_point)

    @rule()
    def restart(self) -> None:
        self.known = close_cleanly(self.log)
        self.open()
        self.synced = len(self.values)

    @rule()
    def crash(self) -> None:
        """kill -9: the page cache stays, so everything written is found, synced or not."""
        self.log.close()
        self.known = LastKnown(log_start_offset=self.start, recovery_point=self.known.recovery_point)
        self.open()
        self.synced = len(self.values)

    @rule(share=st.floats(0, 1), max_bytes=st.integers(0, 4000))
    def read(self, share: float, max_bytes: int) -> None:
        offset = self.start + int((len(self.values) - self.start) * share)
        read = values_from(self.log, offset, max_bytes)
        assert read == self.values[offset : offset + len(read)]
        assert not read or offset + len(read) <= self.synced, "a consumer saw what is not synced"
        assert read or offset >= self.synced, "at least one batch"

    @rule(time=st.integers(0, 60))
    def look_up_time(self, time: int) -> None:
        visible = range(self.start, self.synced)
        expected = next((offset for offset in visible if self.times[offset] >= time), None)
        found = first_at_or_after(self.log, time)
        assert (found.offset if found else None) == expected

    @precondition(lambda self: self.log.log_start_offset > 0)
    @rule()
    def read_below_the_start(self) -> None:
        with pytest.raises(ApiError) as raised:
            self.log.read(self.start - 1, 100)
        assert raised.value.code is ErrorCode.offset_out_of_range

    @invariant()
    def offsets_agree(self) -> None:
        log = self.log
        assert (log.log_start_offset, log.high_watermark, log.next_offset) == (
            self.start,
            self.synced,
            len(self.values),
        )

    @invariant()
    def all_can_be_read(self) -> None:
        offset, values = self.start, []
        while offset < len(self.values):
            read = list(records_in(self.log.read(offset, 1, up_to_end=True)))
            values += [record.value for record in read if record.offset >= offset]
            offset = read[-1].offset + 1
        assert values == self.values[self.start :]

    def teardown(self) -> None:
        self.log.close()
        self.directory.cleanup()


LogAgainstList.TestCase.settings = settings(stateful_step_count=30)
TestLogAgainstList = LogAgainstList.TestCase


def test_the_broker_sets_offset_and_epoch_and_leaves_every_other_byte(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    append(log, b"first")
    batch = build_batch([(b"k", b"v")], NOW_MS)
    log.append(batch, now_ms=NOW_MS)
    sync(log)
    stored = log.read(1, 1000)
    assert (read_header(stored).base_offset, read_header(stored).partition_leader_epoch) == (1, 3)
    assert (stored[8:12], stored[16:]) == (batch[8:12], batch[16:])
    log.close()


def test_a_batch_larger_than_asked_comes_whole_or_not_at_all(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    append(log, b"x" * 1000)
    sync(log)
    assert len(log.read(0, 10)) > 1000
    assert log.read(0, 10, whole_first=False) == b""
    log.close()


def test_an_unsynced_batch_is_not_seen_until_its_sync(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    shown: list[int] = []
    log.watchers.add(shown.append)
    append(log, b"one")
    job = log.begin_sync()
    append(log, b"two")
    assert log.read(0, 1000) == b""
    job.run()
    log.end_sync(job)
    assert values_from(log, 0) == [b"one"]
    assert shown == [log.size_bytes // 2]
    log.close()


def test_a_duplicate_is_answered_with_its_first_place(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    append(log, b"other")
    batch = idempotent(7, 0, [b"a", b"b"])
    first, again = (log.append(batch, now_ms=NOW_MS) for _ in range(2))
    assert (first.base_offset, first.duplicate) == (1, False)
    assert (again.base_offset, again.last_offset, again.duplicate) == (1, 2, True)
    assert log.next_offset == 3
    log.close()


def test_a_stamped_topic_has_the_brokers_time(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.append(build_batch([(None, b"v")], 5), now_ms=NOW_MS, stamp=True)
    sync(log)
    [record] = records_in(log.read(0, 1000))
    assert record.timestamp_ms == NOW_MS
    assert read_header(log.read(0, 1000)).attributes & LOG_APPEND_TIME
    log.close()


def test_an_offline_log_refuses_everything(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    append(log, b"v")
    log.go_offline("the disk is broken")
    for attempt in (lambda: append(log, b"w"), lambda: log.read(0, 10), lambda: first_at_or_after(log, 0)):
        with pytest.raises(ApiError) as raised:
            attempt()
        assert raised.value.code is ErrorCode.kafka_storage_error
    log.close()


def test_the_newest_time_is_found_wherever_it_is(tmp_path: Path) -> None:
    log = open_log(tmp_path, segment_bytes=SEGMENT_BYTES)
    assert newest_timestamp(log) is None
    for time in (10, 99, 20):
        append(log, b"." * 2000, timestamp_ms=time)
    sync(log)
    newest = newest_timestamp(log)
    assert newest is not None
    assert (newest.timestamp_ms, newest.offset) == (99, 1)
    log.close()
