"""How cost grows with the log: append, fetch at a random offset, lookup by time, opening, memory; 1 MB to 50 GB.

    python -m bench.growth [--up-to-gigabytes 50] [--segment-megabytes 1024]

One partition, filled through the broker's own log. Its messages are 64 KiB of zeros that are left out of the files
(sparse files read as if they were there), so that 50 GB cost 3 GB of disk: segments, batches and indexes are all real.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.usage import usage_of
from logpost.config import BrokerConfig
from logpost_broker.log.batch import Buffer
from logpost_broker.log.files import File, Files
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.log.records import build_batch
from logpost_broker.log.time_lookup import first_at_or_after
from logpost_broker.node import Node

MB = 1_000_000
SIZES = [1 * MB, 10 * MB, 100 * MB, 1000 * MB, 10_000 * MB, 50_000 * MB]
TOPIC = "growth"
BATCH_BYTES = 64 * 1024
FETCH_BYTES = BATCH_BYTES
SMALL_BATCH_BYTES = 4096
APPENDS, FETCHES, LOOKUPS = 500, 2000, 2000
"""Calls of which the median is taken. The appends are of small batches, so that the log keeps its size."""
PLACES = 200
"""Offsets and times are of so many random places, which are in the page cache: the disk's own time is not the log's."""


class SparseFile(File):
    """Leaves out the zeros that an append ends with; what is read is the same."""

    def append(self, *buffers: Buffer) -> None:
        data = b"".join(buffers)
        end = self.size + len(data)
        super().append(data.rstrip(b"\0"))
        if self.size < end:
            self.truncate(end)


class SparseFiles(Files):
    def open(self, path: Path) -> File:
        return SparseFile(path, os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Medians in microseconds, the opening in milliseconds, memory in MiB."""

    log_bytes: int
    segments: int
    open_ms: float
    append_us: float
    fetch_us: float
    by_time_us: float
    resident_mb: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--up-to-gigabytes", type=float, default=50.0)
    parser.add_argument("--segment-megabytes", type=int, default=1024)
    options = parser.parse_args()
    config = BrokerConfig(port=0, metrics_port=0, flush="os", segment_bytes=options.segment_megabytes * 1024 * 1024)
    print("| log | segments | open, ms | append, µs | fetch, µs | by time, µs | memory, MiB |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory(prefix="logpost-bench-") as directory:
        for size in SIZES:
            if size <= options.up_to_gigabytes * 1000 * MB:
                asyncio.run(fill(config, Path(directory), size))
                show(asyncio.run(measure(config, Path(directory))))


async def fill(config: BrokerConfig, directory: Path, size: int) -> None:
    """Let the log grow to `size` bytes, and close it in order."""
    node = Node(config, directory, host="localhost", port=0, files=SparseFiles())
    node.open()
    topic = node.partitions.topics.by_name(TOPIC) or node.partitions.create_topic(TOPIC, 1)
    log = node.partitions.log(topic, 0)
    zeros = bytes(BATCH_BYTES)
    start_ms = node.partitions.now_ms() - size // BATCH_BYTES
    written = log.size_bytes
    while written < size:
        now_ms = start_ms + log.next_offset
        batch = build_batch([(None, zeros)], now_ms)
        log.append(batch, now_ms=now_ms)
        written += len(batch)
    await node.stop()


async def measure(config: BrokerConfig, directory: Path) -> Cost:
    started = time.perf_counter()
    node = Node(config, directory, host="localhost", port=0)
    node.open()
    topic = node.partitions.topics.by_name(TOPIC)
    assert topic is not None
    log = node.partitions.log(topic, 0)
    open_ms = (time.perf_counter() - started) * 1e3
    chance = random.Random(7)
    offsets = [chance.randrange(log.next_offset) for _ in range(PLACES)]
    times = [_timestamp_of(log, offset) for offset in offsets]
    newest_ms = _timestamp_of(log, log.next_offset - 1)
    batch = build_batch([(None, os.urandom(SMALL_BATCH_BYTES))], newest_ms)
    fetch_us = median_us(FETCHES, lambda number: log.read(offsets[number % PLACES], FETCH_BYTES))
    by_time_us = median_us(LOOKUPS, lambda number: first_at_or_after(log, times[number % PLACES]))
    append_us = median_us(APPENDS, lambda number: log.append(batch, now_ms=newest_ms))
    resident_mb = usage_of(os.getpid()).resident_mb
    size, segments = log.size_bytes, len(log.segments)
    await node.stop()
    return Cost(
        log_bytes=size,
        segments=segments,
        open_ms=open_ms,
        append_us=append_us,
        fetch_us=fetch_us,
        by_time_us=by_time_us,
        resident_mb=resident_mb,
    )


def _timestamp_of(log: PartitionLog, offset: int) -> int:
    return next(iter(log.headers_from(offset))).max_timestamp


def median_us(calls: int, call: Callable[[int], object]) -> float:
    """Of one call, which is given its number."""
    taken = []
    for number in range(calls):
        started = time.perf_counter()
        call(number)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken) * 1e6


def show(cost: Cost) -> None:
    print(
        f"| {cost.log_bytes / MB:,.0f} MB | {cost.segments} | {cost.open_ms:.1f} | {cost.append_us:.1f} "
        f"| {cost.fetch_us:.1f} | {cost.by_time_us:.1f} | {cost.resident_mb:.0f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
