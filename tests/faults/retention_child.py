"""Retention in a process of its own, that a test lets end at any step.

`python -m tests.faults.retention_child DIRECTORY fill` makes a store of UNITS days; `drop STEP` drops what is due,
and kills itself behind so many changes of the store and of retention's memory, or ends when all are gone. Both print
what the store has, and what it says that it has.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from logpost.config import KafkaConfig, StoreConfig
from logpost_web.indexer.account import Account
from logpost_web.indexer.block_writer import write
from logpost_web.indexer.retaining import Retaining
from logpost_web.indexer.retention_memory import MemoryFile
from logpost_web.indexer.row import Position, to_row
from logpost_web.retention.units import DAY_MS
from logpost_web.store import manifest_table
from logpost_web.store.manifest_table import CHUNK, Chunk
from logpost_web.store.store import Store

UNITS = 8
DUE = 6
ROWS = 20
NOW_MS = 20_000 * DAY_MS
CONFIG = StoreConfig(keep=f"{UNITS - DUE}d", max_bytes="100%", disk_reserve_bytes=0)


def fill(store: Store, retaining: Retaining) -> None:
    retaining.look(0, NOW_MS - UNITS * DAY_MS)  # the settings are in force before there is anything
    offset = 0
    for unit in range(UNITS):
        rows = []
        arrived_ms = NOW_MS - (UNITS - unit) * DAY_MS
        retaining.placing.tell(latest_ms=arrived_ms)
        for _ in range(ROWS):
            row = to_row(f"day {unit}".encode(), Position("logs", 0, "T", offset, arrived_ms * 1_000_000), 0)
            retaining.placing.place(row, ("logs", 0), arrived_ms * 1_000_000, 10)
            rows.append(row)
            offset += 1
        write(store, rows)
    line = Chunk("logs", "T", 0, 0, 0, offset, rows=offset, last_offset=offset - 1, version=1)
    manifest_table.write(store, [line])


def kill_behind(step: int) -> None:
    """Count what changes the store, and what is written down."""
    done = 0

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            nonlocal done
            result = call(*arguments)
            done += 1
            if done == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return run

    for owner, name in ((Store, "command"), (Store, "insert"), (MemoryFile, "_write")):
        setattr(owner, name, counted(getattr(owner, name)))


def say(store: Store) -> None:
    counted = manifest_table.count_rows(store, CHUNK)
    found = {
        "days": [text for (text,) in store.query("SELECT DISTINCT Body FROM otel_logs ORDER BY Body").rows],
        "rows": sum(rows for rows, _ in counted.values()),
        "says": sum(line.rows for line in manifest_table.read(store)),
    }
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


def main(directory: Path, what: str, step: int) -> None:
    directory.mkdir(exist_ok=True)
    store = Store.open(CONFIG, directory)
    retaining = Retaining(CONFIG, store, Account(store, KafkaConfig()))
    retaining.settle()
    if what == "fill":
        fill(store, retaining)
    say(store)
    if what == "drop":
        kill_behind(step)
        retaining.look((UNITS + 1) * DAY_MS // 1000, NOW_MS)
        say(store)
    store.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 0)
