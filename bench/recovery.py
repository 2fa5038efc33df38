"""Start-up of the broker over 1,000 partitions: after a clean stop, and after kill -9. How long, and how much is read.

    python -m bench.recovery [--gigabytes 1] [--unsynced-megabytes 100] [--partitions 1000]

What was written before the last checkpoint (they come every 30 s) is known to be on the disk; a start after a crash has
to read only what came later. The page cache forgets the logs before every start.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.broker_rows import Stream
from bench.brokers import Logpost, Subject
from bench.client import build_driver, run_driver
from bench.usage import Usage

CHECKPOINT = "recovery-point-offset-checkpoint"
CHECKPOINT_SECONDS = 120.0
LOAD_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    what: str
    seconds: float
    usage: Usage


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=1.0, help="in the log before the last checkpoint")
    parser.add_argument("--unsynced-megabytes", type=float, default=100.0, help="written after it")
    parser.add_argument("--partitions", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="logpost-bench-") as directory:
        starts = measure(
            Path(directory), options.partitions, int(options.gigabytes * 1e9), int(options.unsynced_megabytes * 1e6)
        )
    print(f"{options.gigabytes:g} GB in {options.partitions:,} partitions\n")
    print("| start | ready after, s | read, MB | of it from the disk | peak memory, MiB |")
    print("| --- | --- | --- | --- | --- |")
    for start in starts:
        read, from_disk = start.usage.read_bytes / 1e6, start.usage.disk_read_bytes / 1e6
        print(f"| {start.what} | {start.seconds:.2f} | {read:,.0f} | {from_disk:,.0f} | {start.usage.peak_mb:.0f} |")


def measure(directory: Path, partitions: int, size: int, unsynced: int) -> list[Start]:
    process = Logpost(directory)
    subject = Subject("logpost", process)
    starts = [start_of("empty directory", subject)]
    topic = subject.create_topic(partitions, {})
    fill(subject, topic, partitions, size)
    await_checkpoint(process.logs / CHECKPOINT)
    process.kill()
    subject = again(process, subject, topic)
    starts.append(start_of("killed at rest, all known to be on the disk", subject))
    process.stop()
    subject = again(process, subject, topic)
    starts.append(start_of("stopped in order", subject))
    fill(subject, topic, partitions, unsynced)
    process.kill()
    subject = again(process, subject, topic)
    starts.append(start_of(f"killed {unsynced / 1e6:,.0f} MB after the last checkpoint", subject))
    process.stop()
    return starts


def start_of(what: str, subject: Subject) -> Start:
    return Start(what=what, seconds=subject.start_seconds, usage=subject.usage())


def again(process: Logpost, before: Subject, topic: str) -> Subject:
    """Start the process again, with nothing of the topic in the page cache."""
    before.drop_from_cache(topic)
    return Subject("logpost", process)


def fill(subject: Subject, topic: str, partitions: int, size: int) -> None:
    stream = Stream(size=1024, partitions=partitions, configs={})
    run_driver(build_driver(), "produce", subject.bootstrap, {**stream.options(topic), "bytes": size}, LOAD_SECONDS)


def await_checkpoint(file: Path) -> None:
    """Until one was made that began after this call: the second from here."""
    for _ in range(2):
        before = file.stat().st_mtime_ns if file.exists() else 0
        deadline = time.monotonic() + CHECKPOINT_SECONDS
        while not file.exists() or file.stat().st_mtime_ns == before:
            if time.monotonic() > deadline:
                raise TimeoutError(f"no checkpoint within {CHECKPOINT_SECONDS} s: {file}")
            time.sleep(0.1)


if __name__ == "__main__":
    main()
