"""When a log begins its next segment."""

from __future__ import annotations

from pathlib import Path

import pytest

from logpost_broker.log.batch import NO_TIMESTAMP
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.log.records import build_batch
from logpost_broker.log.segment import INDEX_INTERVAL_BYTES, RollLimits
from tests.broker.log.logs import NOW_MS, append, changed, close_cleanly, open_log

HOUR_MS = 3_600_000


def bases(log: PartitionLog) -> list[int]:
    return [segment.base_offset for segment in log.segments]


def test_a_segment_never_exceeds_its_size_but_for_one_batch(tmp_path: Path) -> None:
    log = open_log(tmp_path, limits=RollLimits(size_bytes=500))
    for size in (300, 300, 2000, 100, 100):
        append(log, b"." * size)
    assert bases(log) == [0, 1, 2, 3]
    assert [segment.size_bytes <= 500 for segment in log.segments] == [True, True, False, True]


@pytest.mark.parametrize("is_reopened", [False, True])
def test_a_segment_ends_when_a_batch_comes_that_is_so_much_younger_than_its_first(
    tmp_path: Path, is_reopened: bool
) -> None:
    limits = RollLimits(age_ms=HOUR_MS)
    log = open_log(tmp_path, limits=limits)
    append(log, b"first", timestamp_ms=NOW_MS)
    append(log, b"younger", timestamp_ms=NOW_MS + HOUR_MS - 1)
    if is_reopened:
        log = open_log(tmp_path, limits=limits, known=close_cleanly(log))
    append(log, b"just in time", timestamp_ms=NOW_MS + HOUR_MS)
    append(log, b"older than the first", timestamp_ms=NOW_MS - 10 * HOUR_MS)
    assert bases(log) == [0]
    append(log, b"too young", timestamp_ms=NOW_MS + HOUR_MS + 1)
    append(log, b"beside it", timestamp_ms=NOW_MS + 2 * HOUR_MS)
    assert bases(log) == [0, 4]


def test_without_timestamps_the_clock_decides(tmp_path: Path) -> None:
    log = open_log(tmp_path, limits=RollLimits(age_ms=HOUR_MS))
    batch = changed(build_batch([(None, b"v")], 0), base_timestamp=-1, max_timestamp=NO_TIMESTAMP)
    for minutes in (0, 1, 61, 62):
        log.append(batch, now_ms=NOW_MS + minutes * 60_000)
    assert bases(log) == [0, 3]


def test_a_full_index_ends_its_segment(tmp_path: Path) -> None:
    log = open_log(tmp_path, limits=RollLimits(index_bytes=50))
    for number in range(100):
        append(log, b"." * INDEX_INTERVAL_BYTES, timestamp_ms=NOW_MS + number)
    log.active.seal()
    assert len(log.segments) > 10
    for segment in log.segments:
        assert len(segment.offset_index) * 8 <= 50
        assert len(segment.time_index) * 12 <= 50


def test_a_log_whose_end_expires_begins_again_there(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    append(log, b"v")
    log.roll_at(0)
    assert bases(log) == [0], "it does not end there"
    log.roll_at(1)
    log.roll_at(1)
    assert bases(log) == [0, 1]
