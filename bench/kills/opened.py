"""Opens a store that no web has open, in a process of its own.

    python -m bench.kills.opened older DIRECTORY     makes it one of layout 3
    python -m bench.kills.opened read DIRECTORY      prints its lines and tables as JSON

`DIRECTORY`: `store/` of a data directory.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from logpost.config import StoreConfig
from logpost_web.store import layout
from logpost_web.store.schema import CREATE_TABLE, TABLE, VERSION, version_comment
from logpost_web.store.store import Store
from logpost_web.store.version import FILE

OLDER = 3
FORMER = "otel_logs_former"
BUSY_SECONDS = 120.0
"""How long another process, such as one that makes a backup, may have the store open."""
IN_USE = "in use"


def make_older(directory: Path) -> None:
    """The rows lie by time in it, as those of layout 3 did. It must not be killed."""
    store = Store.open(StoreConfig(), directory)
    made = re.sub(r"^    Bucket .*\n", "", CREATE_TABLE, flags=re.MULTILINE)
    made = re.sub(r"ORDER BY .*", "ORDER BY (Timestamp, Topic, Partition, Offset)", made)
    store.command(f"RENAME TABLE {TABLE} TO {FORMER}")
    store.command(made.replace(version_comment(VERSION), version_comment(OLDER)))
    columns = ", ".join(layout.shared_columns(store, FORMER))
    store.command(
        f"INSERT INTO {TABLE} ({columns}) SELECT {columns} FROM {FORMER} SETTINGS max_partitions_per_insert_block = 0"
    )
    store.command(f"DROP TABLE {FORMER} SYNC")
    path = store.path
    assert path is not None
    store.close()
    (path / FILE).unlink()


def read(directory: Path) -> dict[str, Any]:
    """`messages`: of all rows; `places`: how many different ones; `tables`: name → its directory; `detached`: parts
    that were set aside."""
    store = Store.open(StoreConfig(), directory)
    try:
        messages = [body for (body,) in store.query(f"SELECT Body FROM {TABLE}").rows]
        [(places,)] = store.query(f"SELECT uniqExact(Topic, TopicId, Partition, Offset) FROM {TABLE}").rows
        found = store.query(
            "SELECT name, data_paths[1] FROM system.tables WHERE database = currentDatabase() ORDER BY 1"
        )
        [(detached,)] = store.query("SELECT count() FROM system.detached_parts").rows
        tables = {name: str(Path(path).absolute()) for name, path in found.rows}
        return {"messages": messages, "places": places, "tables": tables, "detached": detached}
    finally:
        store.close()


def opened(action: str, directory: Path) -> Any:
    """One of the two above, as soon as nobody has the store open."""
    command: Sequence[str | Path] = [sys.executable, "-m", "bench.kills.opened", action, directory]
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode == 0:
            return json.loads(ran.stdout)
        if IN_USE not in ran.stderr or time.monotonic() > deadline:
            raise RuntimeError(f"{action} {directory}: {ran.stderr[-2000:]}")
        time.sleep(0.2)


if __name__ == "__main__":
    _, action, directory = sys.argv
    if action == "older":
        make_older(Path(directory))
        print("null")
    else:
        print(json.dumps(read(Path(directory))))
