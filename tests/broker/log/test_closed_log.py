"""What can be told of a log without opening it, held against what its plan says once it is open."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from logpost_broker.log.batch import NO_TIMESTAMP
from logpost_broker.log.closed_log import may_lose_records
from logpost_broker.log.files import Files
from logpost_broker.log.records import build_batch
from logpost_broker.log.retention import RetentionLimits
from tests.broker.log.logs import NOW_MS, append, changed, close_cleanly, open_log

HOUR_MS = 3_600_000
HOUR = RetentionLimits(age_ms=HOUR_MS)


def closed(directory: Path, *ages_ms: int) -> Path:
    """A log with one segment for each age."""
    log = open_log(directory, segment_bytes=200)
    for age_ms in ages_ms:
        append(log, b"." * 150, timestamp_ms=NOW_MS - age_ms)
    close_cleanly(log)
    return directory


@pytest.mark.parametrize(
    ("ages_ms", "limits", "loses"),
    [
        ((), HOUR, False),
        ((0, 0), HOUR, False),
        ((HOUR_MS,), HOUR, False),
        ((HOUR_MS + 1,), HOUR, True),
        ((HOUR_MS + 1, 0), HOUR, True),
        ((0, HOUR_MS + 1), HOUR, False),
        ((HOUR_MS + 1, 0), RetentionLimits(), False),
        ((0, 0), RetentionLimits(size_bytes=100), True),
        ((0, 0), RetentionLimits(size_bytes=500), False),
    ],
)
def test_it_may_lose_records_when_its_oldest_segment_goes(
    tmp_path: Path, ages_ms: tuple[int, ...], limits: RetentionLimits, loses: bool
) -> None:
    directory = closed(tmp_path / "t-0", *ages_ms)
    before = sorted(path.name for path in directory.iterdir())
    assert may_lose_records(Files(), directory, limits, NOW_MS) is loses
    assert sorted(path.name for path in directory.iterdir()) == before, "nothing is made by looking"


def test_a_log_that_was_never_made_has_nothing_to_lose(tmp_path: Path) -> None:
    assert not may_lose_records(Files(), tmp_path / "t-0", HOUR, NOW_MS)


def test_without_timestamps_the_file_tells_the_time(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.append(changed(build_batch([(None, b"v")], 0), base_timestamp=-1, max_timestamp=NO_TIMESTAMP), now_ms=NOW_MS)
    close_cleanly(log)
    for age_s, loses in ((3500, False), (3700, True)):
        then = NOW_MS / 1000 - age_s
        os.utime(tmp_path / f"{0:020d}.log", (then, then))
        assert may_lose_records(Files(), tmp_path, HOUR, NOW_MS) is loses


def test_a_log_without_its_index_is_to_be_opened(tmp_path: Path) -> None:
    directory = closed(tmp_path / "t-0", 0)
    (directory / f"{0:020d}.timeindex").unlink()
    with pytest.raises(FileNotFoundError):
        may_lose_records(Files(), directory, HOUR, NOW_MS)
