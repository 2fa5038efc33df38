"""How long an embedded broker takes: its import, its start, the first answer, its end; and what it leaves behind.

    python -m bench.embedding [--rounds 20] [--at-once 10]

Times are medians in milliseconds with the worst in brackets. The import is that of a new Python each time.
"""

from __future__ import annotations

import argparse
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from logpost_broker import Broker

IMPORT = "import time; t = time.perf_counter(); from logpost_broker import Broker; print(time.perf_counter() - t)"
IMPORTS = 5
ASK = struct.pack(">ihhih", 10, 18, 0, 1, -1)
"""An ApiVersions request of version 0, without a client id."""
DESCRIPTORS = Path("/proc/self/fd")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--at-once", type=int, default=10)
    options = parser.parse_args()
    print("| | import | start | first answer | stop |")
    print("| --- | --- | --- | --- | --- |")
    imported = [_import_seconds() for _ in range(IMPORTS)]
    for name, memory in (("files", False), ("in memory", True)):
        rounds = [_life(memory=memory) for _ in range(options.rounds)]
        columns = [imported, *zip(*rounds, strict=True)]
        print(f"| {name} | {' | '.join(_milliseconds(column) for column in columns)} |")
    _at_once(options.at_once)


def _import_seconds() -> float:
    return float(subprocess.run([sys.executable, "-c", IMPORT], check=True, capture_output=True, text=True).stdout)


def _life(*, memory: bool) -> tuple[float, float, float]:
    """Seconds of the start, of the first answer after it, and of the end."""
    begun = time.perf_counter()
    broker = Broker(memory=memory).start()
    started = time.perf_counter()
    _ask(broker)
    answered = time.perf_counter()
    broker.stop()
    return started - begun, answered - started, time.perf_counter() - answered


def _ask(broker: Broker) -> None:
    with socket.create_connection((broker.host, broker.port)) as connection:
        connection.sendall(ASK)
        assert connection.recv(4), "the broker closed the connection"


def _at_once(count: int) -> None:
    threads, descriptors = threading.active_count(), len(list(DESCRIPTORS.iterdir()))
    begun = time.perf_counter()
    with ExitStack() as running:
        for broker in [running.enter_context(Broker(memory=True)) for _ in range(count)]:
            _ask(broker)
        print(f"\n{count} at once: up and answering after {(time.perf_counter() - begun) * 1000:.0f} ms, with")
        print(f"{threading.active_count() - threads} threads more than before; after their end")
    left = len(list(DESCRIPTORS.iterdir())) - descriptors
    print(f"{threading.active_count() - threads} threads and {left} descriptors are left.")


def _milliseconds(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds) * 1000:.1f} ({max(seconds) * 1000:.1f})"


if __name__ == "__main__":
    main()
