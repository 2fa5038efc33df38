"""The last segment, cut at every byte of its last 4 KiB: what was whole is kept, what is torn goes, and on it goes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from logpost_broker.log.batch import crc_matches, whole_batches
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.log.recovery import LastKnown, recover
from logpost_broker.log.segment import RollLimits
from tests.broker.log.logs import NOW_MS, append, idempotent, sync
from tests.faults.disk import Disk
from tests.faults.life import Machines

TAIL_BYTES = 4096
SEGMENT_BYTES = 12_000
BATCHES = 86
CHECKPOINT_AT = 80
PRODUCER = 7


@pytest.fixture
def machines() -> Iterator[Machines]:
    machines = Machines("commit")
    yield machines
    machines.close()


def opened(machines: Machines, root: Path, known: LastKnown) -> PartitionLog:
    log = PartitionLog(root / "t-0", machines.files, limits=RollLimits(size_bytes=SEGMENT_BYTES), leader_epoch=3)
    recover(log, known, now_ms=NOW_MS)
    return log


def written(machines: Machines, disk: Disk) -> list[tuple[int, int]]:
    """A log of several segments; returns where each batch of the last one ends: (bytes, offset)."""
    root = machines.calls.mount(disk)
    machines.files.make_directory(root / "t-0")
    log = opened(machines, root, LastKnown())
    ends = []
    for number in range(BATCHES):
        batch = idempotent(PRODUCER, number * 2, [b"%d" % number, b"." * (number * 37 % 700)])
        log.append(batch, now_ms=NOW_MS)
        ends.append((log.active.base_offset, log.active.size_bytes, log.next_offset))
        if log.next_offset == CHECKPOINT_AT:
            sync(log, checkpoint=True)
    last = log.active.base_offset
    return [(size, offset) for base, size, offset in ends if base == last]


def test_a_segment_torn_at_any_byte_keeps_every_whole_batch(machines: Machines) -> None:
    disk = Disk()
    ends = written(machines, disk)
    *_, path = sorted(path for path, _ in disk.files() if path[-1].endswith(".log"))
    start, whole = int(path[-1].removesuffix(".log")), disk.contents(path).data
    assert len(whole) > TAIL_BYTES
    for size in range(len(whole) - TAIL_BYTES, len(whole)):
        torn = disk.copy()
        torn.truncate(torn.contents(path), size)
        kept_bytes, kept_offset = max([(0, start), *(end for end in ends if end[0] <= size)])
        root = machines.calls.mount(torn)
        log = opened(machines, root, LastKnown(recovery_point=CHECKPOINT_AT))
        assert (log.next_offset, log.high_watermark, log.active.size_bytes) == (kept_offset, kept_offset, kept_bytes)
        again = log.append(idempotent(PRODUCER, kept_offset, [b"again", b"sent"]), now_ms=NOW_MS)
        assert (again.base_offset, again.duplicate) == (kept_offset, False)
        assert append(log, b"after") == kept_offset + 2
        sync(log)
        walk(torn, kept_offset + 3)
        machines.calls.unmount(root)


def walk(disk: Disk, end: int) -> None:
    """Every byte of every segment belongs to a whole batch, and offsets have no gap."""
    offset = 0
    for path, file in disk.files():
        if not path[-1].endswith(".log"):
            continue
        assert int(path[-1].removesuffix(".log")) == offset
        size = 0
        for position, header in whole_batches(file.data):
            assert crc_matches(file.data[position : position + header.size_bytes], header)
            assert header.base_offset == offset
            offset = header.last_offset + 1
            size = position + header.size_bytes
        assert size == len(file.data), f"{path[-1]}: bytes of no batch at {size}"
    assert offset == end
