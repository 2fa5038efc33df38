"""When producers are refused for want of room, and when they may write again."""

from __future__ import annotations

import errno
import logging

import pytest
from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError
from logpost_broker.log.disk_reserve import LOOK_MS, DiskReserve, DiskSpace

MIB = 1024 * 1024
RESERVE = 160 * MIB
RESUME = 170 * MIB
TOTAL = 100_000 * MIB


class Disk:
    """What the file system answers."""

    def __init__(self, free_bytes: int, total_bytes: int = TOTAL) -> None:
        self.free_bytes = free_bytes
        self.total_bytes = total_bytes
        self.looks = 0
        self.error: OSError | None = None

    def __call__(self) -> DiskSpace:
        self.looks += 1
        if self.error is not None:
            raise self.error
        return DiskSpace(free_bytes=self.free_bytes, total_bytes=self.total_bytes)


def reserve_on(disk: Disk, wanted_bytes: int = RESERVE) -> DiskReserve:
    return DiskReserve(wanted_bytes, disk, "/data")


def is_admitted(reserve: DiskReserve, now_ms: int, size_bytes: int = 1000) -> bool:
    try:
        reserve.admit(size_bytes, now_ms)
    except ApiError as error:
        assert error.code is ErrorCode.kafka_storage_error
        return False
    return True


def test_writing_ends_below_the_reserve_and_goes_on_a_little_above_it() -> None:
    disk = Disk(RESERVE)
    reserve = reserve_on(disk)
    states = []
    for second, free_bytes in enumerate([RESERVE, RESERVE - 1, RESERVE, RESUME - 1, RESUME, RESERVE, RESERVE - 1]):
        disk.free_bytes = free_bytes
        states.append(is_admitted(reserve, second * LOOK_MS))
    assert states == [True, False, False, False, True, True, False]


def test_the_refusal_names_the_place_the_setting_and_what_is_missing(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ApiError) as raised:
        reserve_on(Disk(100 * MIB)).admit(1, 0)
    text = raised.value.message or ""
    assert "/data has 100 MiB free, and 160 MiB are reserved (broker.disk_reserve_bytes). Free 70 MiB" in text
    assert text in caplog.text


def test_each_change_is_one_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    disk = Disk(RESERVE - 1)
    reserve = reserve_on(disk)
    for now_ms in range(0, 10_000, 100):
        assert not is_admitted(reserve, now_ms)
    disk.free_bytes = TOTAL
    for now_ms in range(10_000, 20_000, 100):
        assert is_admitted(reserve, now_ms)
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]


def test_the_disk_is_asked_once_a_second_while_there_is_much_room() -> None:
    disk = Disk(TOTAL)
    reserve = reserve_on(disk)
    before = disk.looks
    for now_ms in range(5 * LOOK_MS):
        assert is_admitted(reserve, now_ms)
    assert disk.looks - before == 5


def test_the_disk_is_asked_before_what_was_admitted_could_reach_the_reserve() -> None:
    disk = Disk(RESERVE + 10 * MIB)
    reserve = reserve_on(disk)
    for _ in range(10):
        assert is_admitted(reserve, 0, MIB)
        disk.free_bytes -= MIB
    assert is_admitted(reserve, 0, MIB), "exactly the reserve is free"
    disk.free_bytes -= MIB
    assert not is_admitted(reserve, 0, MIB)


def test_a_clock_that_goes_back_does_not_stop_the_looking() -> None:
    disk = Disk(TOTAL)
    reserve = reserve_on(disk)
    assert is_admitted(reserve, 10_000_000)
    disk.free_bytes = 0
    assert not is_admitted(reserve, 5)


@pytest.mark.parametrize("total_mib", [0, 1, 64, 1000, 3199, 3200, 100_000])
def test_a_small_disk_keeps_a_twentieth(total_mib: int) -> None:
    disk = Disk(total_mib * MIB, total_mib * MIB)
    reserve = reserve_on(disk)
    assert reserve.reserve_bytes == min(RESERVE, total_mib * MIB // 20)
    assert is_admitted(reserve, 0)


def test_no_reserve_admits_all() -> None:
    disk = Disk(0)
    assert is_admitted(reserve_on(disk, 0), 0)
    assert disk.looks == 1


def test_a_file_system_that_does_not_answer_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    disk = Disk(TOTAL)
    reserve = reserve_on(disk)
    disk.error = OSError(errno.EIO, "Input/output error")
    assert is_admitted(reserve, 0)
    assert "cannot see how much room /data has: Input/output error" in caplog.text
    disk.error, disk.free_bytes = None, 0
    assert not is_admitted(reserve, LOOK_MS)
