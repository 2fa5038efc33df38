"""A flipped bit in any byte of any file: the broker starts or says which file stops it, and serves nothing wrong.

A batch whose bytes changed may be missing. Nothing else may be, and nothing may come under another offset. One thing
cannot be told apart: from the last checkpoint on, a batch that does not hold together after a crash is where the crash
tore the log, and what comes behind it goes as well.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from logpost.errors import StartError
from logpost_broker.errors import ApiError
from logpost_broker.log.batch import CRC_START, whole_batches
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.partitions.partitions import Partitions
from tests.broker.log.logs import NOW_MS, append
from tests.faults.disk import Disk
from tests.faults.ledger import Entry, PartitionPromise
from tests.faults.life import Life, Machines

METADATA = "metadata.json"
RECOVERY_POINTS = "recovery-point-offset-checkpoint"
LOG_STARTS = "log-start-offset-checkpoint"
"""Kafka's format has no sum: where one digit becomes another, the records below are taken for deleted."""
SMALL_BYTES = 200
POINTS_FOR_EVERY_BYTE = 6000
"""From so many crash points on, no byte of a large file is left out."""
KINDS = (
    ".log",
    ".index",
    ".timeindex",
    ".snapshot",
    "partition.metadata",
    RECOVERY_POINTS,
    LOG_STARTS,
    METADATA,
    ".kafka_cleanshutdown",
)


@pytest.fixture
def machines() -> Iterator[Machines]:
    machines = Machines("commit")
    yield machines
    machines.close()


def lived(machines: Machines, *, clean: bool) -> Life:
    """A log of three segments with checkpoints, a moved start, producers; closed in order, or left as it is."""
    life = Life(machines, seed=3)
    life.start()
    life.create("t")
    for number in range(40):
        life.append("t", producer=number % 3 - 1, size=250, lz4=number % 4 == 0)
        if number in (10, 25):
            life.checkpoint()
        if number == 12:
            life.move_start("t")
    life.sync()
    if clean:
        life.close()
    return life


@pytest.mark.parametrize("clean", [True, False], ids=["closed in order", "killed"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_bit_is_detected_or_harmless(machines: Machines, kind: str, clean: bool, crash_points: int) -> None:
    life = lived(machines, clean=clean)
    promise = life.promise("t")
    recovery_point = int(life.disk.contents((RECOVERY_POINTS,)).data.split()[-1])
    paths = [path for path, _ in life.disk.files() if path[-1].lstrip("0123456789") == kind]
    assert paths or (kind == ".kafka_cleanshutdown" and not clean)
    for path in paths:
        for bit in bits(len(life.disk.contents(path).data), max(1, POINTS_FOR_EVERY_BYTE // crash_points)):
            disk = life.disk.copy()
            flip(disk, path, bit)
            root = machines.calls.mount(disk)
            try:
                check(machines.boot(root), promise, path, bit // 8, recovery_point)
            except StartError as error:
                assert path == (METADATA,), f"bit {bit} of {path} stops the broker"
                assert METADATA in str(error)
            except Exception as error:
                error.add_note(f"bit {bit} of {'/'.join(path)}")
                raise
            finally:
                machines.calls.unmount(root)
    life.end()


def bits(size_bytes: int, step: int) -> Iterator[int]:
    """All of a small file, one in each `step` bytes of a large one."""
    if size_bytes <= SMALL_BYTES:
        yield from range(size_bytes * 8)
    else:
        yield from (byte * 8 + byte % 8 for byte in range(0, size_bytes, step))


def flip(disk: Disk, path: tuple[str, ...], bit: int) -> None:
    data = bytearray(disk.contents(path).data)
    data[bit // 8] ^= 1 << bit % 8
    disk.contents(path).put(0, bytes(data))


def check(
    partitions: Partitions, promise: PartitionPromise, path: tuple[str, ...], position: int, recovery_point: int
) -> None:
    """`recovery_point`: as the last checkpoint says."""
    topic = partitions.topics.by_name("t")
    assert topic is not None
    log = partitions.log(topic, 0)
    damaged = [
        entry for entry in promise.entries if path[-1].endswith(".log") and holds(promise, entry, path, position)
    ]
    torn_at = promise.end
    if damaged and damaged[0].base >= recovery_point:
        torn_at = damaged[0].base
    served = served_around_errors(log, promise)
    for offset, batch in served.items():
        [written] = [entry for entry in promise.entries if entry.base == offset]
        assert batch[CRC_START:] == written.batch[CRC_START:], f"a wrong batch is served at {offset}"
    start = log.log_start_offset if path == (LOG_STARTS,) else promise.start
    expected = {entry.base for entry in promise.entries if start < entry.end <= torn_at} - {
        entry.base for entry in damaged
    }
    assert set(served) >= expected, f"not served: {sorted(expected - set(served))}"
    for producer_id in () if damaged else (0, 1):
        last = [entry for entry in promise.entries if entry.header.producer_id == producer_id][-1]
        duplicate = log.append(last.batch, now_ms=NOW_MS).duplicate
        assert duplicate or last.base < start, f"the batch at {last.base} would be stored twice"
    assert append(log, b"after") >= torn_at


def holds(promise: PartitionPromise, entry: Entry, path: tuple[str, ...], position: int) -> bool:
    """Whether the batch has the byte at `position` of its segment."""
    start = int(path[-1].removesuffix(".log"))
    before = [other for other in promise.entries if start <= other.base < entry.base]
    begin = sum(other.header.size_bytes for other in before)
    return entry.base >= start and begin <= position < begin + entry.header.size_bytes


def served_around_errors(log: PartitionLog, promise: PartitionPromise) -> dict[int, bytes]:
    """What a client gets who asks for every batch's offset."""
    served = {}
    for entry in promise.entries:
        if entry.end <= log.log_start_offset:
            continue
        try:
            data = log.read(max(entry.base, log.log_start_offset), entry.header.size_bytes)
        except ApiError:
            continue
        for position, header in whole_batches(data):
            served[header.base_offset] = data[position : position + header.size_bytes]
    return served
