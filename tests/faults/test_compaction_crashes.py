"""Killed, or without power, at every call of a compaction and of the recovery after it: nothing is lost."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

import pytest

from logpost_broker.log.cleaned_transactions import ABORT, COMMIT
from logpost_broker.log.compaction import CompactionLimits
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.log.recovery import LastKnown, recover
from logpost_broker.log.segment import RollLimits
from tests.broker.log.compacting import DAY_MS, batch_of, compact, marker, put, roll, state
from tests.broker.log.logs import NOW_MS
from tests.faults.disk import Disk
from tests.faults.system_calls import MemoryFiles, SystemCalls

SEGMENT_BYTES = 2000
LIMITS = CompactionLimits(segment_bytes=3 * SEGMENT_BYTES, delete_retention_ms=DAY_MS)


class Machine:
    def __init__(self, calls: SystemCalls) -> None:
        self._calls = calls

    def boot(self, disk: Disk, known: LastKnown) -> PartitionLog:
        files = MemoryFiles(self._calls)
        directory = self._calls.mount(disk) / "t-0"
        if not files.exists(directory):
            files.make_directory(directory)
        log = PartitionLog(directory, files, RollLimits(size_bytes=SEGMENT_BYTES), leader_epoch=1)
        recover(log, known, now_ms=NOW_MS)
        return log

    def wrecks(self, disk: Disk, work: Callable[[], object], rng: random.Random) -> list[Disk]:
        """What is left when the machine ends at any call of `work`."""
        left: list[Disk] = []

        def called(call: str) -> None:
            left.append(disk.copy())
            left.append(disk.after_power_cut(rng))
            left.append(disk.after_power_cut(rng))

        disk.changing = called
        work()
        disk.changing = None
        return left

    @staticmethod
    def names(log: PartitionLog) -> list[str]:
        return log.files.names(log.directory)


@pytest.fixture
def machine() -> Machine:
    return Machine(SystemCalls())


def fill(log: PartitionLog, rng: random.Random) -> None:
    """Keys that come again and go, transactions, and producers that fall silent."""
    sequences = {1: 0, 2: 0}
    for number in range(70):
        pairs = [
            (b"k%d" % rng.randrange(30), None if rng.random() < 0.2 else b"%d." % number * rng.randrange(30))
            for _ in range(rng.randrange(1, 5))
        ]
        producer = rng.choice([None, 1, 2])
        if producer is None:
            put(log, *pairs, codec=rng.randrange(5))
            continue
        batch = batch_of(pairs, producer=producer, sequence=sequences[producer], transactional=True)
        log.append(batch, now_ms=NOW_MS)
        sequences[producer] += len(pairs)
        log.append(marker(producer, rng.choice([ABORT, COMMIT])), now_ms=NOW_MS)
    roll(log)


@pytest.mark.parametrize("seed", range(3))
def test_a_crash_at_any_call_of_a_compaction_loses_nothing(machine: Machine, seed: int) -> None:
    rng = random.Random(seed)
    disk = Disk()
    log = machine.boot(disk, LastKnown())
    fill(log, rng)
    disk.root.sync()
    known = LastKnown(recovery_point=log.recovery_point)
    expected, end = state(log), log.next_offset
    producers = log.producers.last_offsets()
    now_ms = NOW_MS

    for _ in range(2):  # the second one lets tombstones and markers go
        wrecks = machine.wrecks(disk, partial(compact, log, now_ms=now_ms, limits=LIMITS), rng)
        assert len(wrecks) >= 200
        for number, wreck in enumerate(wrecks):
            again = wreck.copy()
            recovered = machine.boot(wreck, known)
            check(machine, recovered, expected, end, producers)
            if number % 20 == 0:
                for deeper in machine.wrecks(again, partial(machine.boot, again, known), rng):
                    check(machine, machine.boot(deeper, known), expected, end, producers)
        now_ms += 2 * DAY_MS
    check(machine, log, expected, end, producers)


def check(
    machine: Machine, log: PartitionLog, expected: dict[bytes, bytes], end: int, producers: dict[int, int]
) -> None:
    assert log.next_offset == end
    assert state(log) == expected
    assert log.producers.last_offsets() == producers
    assert not [name for name in machine.names(log) if name.endswith((".cleaned", ".swap", ".deleted"))]
    bases = [segment.base_offset for segment in log.segments]
    ends = [segment.checked.end_offset for segment in log.segments]
    assert ends == [*bases[1:], None]
