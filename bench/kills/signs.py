"""What a web was doing when it ended, by what lies in its store."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from logpost_web.store.embedded import FROZEN
from logpost_web.store.schema import BEFORE, COPIED, MOVED, OLDER, RESTORED

TEMPORARY = {
    "tmp_insert": "insert",
    "tmp_merge": "merge",
    "tmp_mut": "rewriting",
    "tmp_": "other part",
    "delete_tmp": "removal",
}
"""How the name of a part's directory begins → what makes it; the first that holds."""

EMPTY = {"detached", "format_version.txt"}
"""What a table's directory has that was being made when the process was killed: the engine removes it some day."""
TABLES = {
    OLDER: "migration",
    COPIED: "copy of a day",
    MOVED: "move of a day",
    BEFORE: "rebuild",
    RESTORED: "restore",
}
"""Those that are there while something goes on."""


def parts(store: Path) -> Iterator[os.DirEntry[str]]:
    """What lies in the directories of the tables. `store`: `clickhouse` in the directory `store/`."""
    for table in tables(store):
        with contextlib.suppress(FileNotFoundError), os.scandir(table) as entries:
            yield from entries


def tables(store: Path) -> list[Path]:
    """Directories of tables, also of those that are no more."""
    return sorted(store.glob("store/*/*"))


def under_way(store: Path) -> set[str]:
    found = set()
    for entry in parts(store):
        kind = next((kind for begin, kind in TEMPORARY.items() if entry.name.startswith(begin)), None)
        if kind is not None:
            found.add(kind)
    definitions = store / "metadata" / "default"
    found |= {kind for table, kind in TABLES.items() if (definitions / f"{table}.sql").exists()}
    found |= {"backup"} if (store / FROZEN).exists() else set()
    return found


def leftovers(store: Path, known: set[str]) -> list[str]:
    """What nobody needs in the store of a web that ended in good order. `known`: directories of the tables that there
    are."""
    of_database = {os.path.realpath(link) for link in (store / "metadata").iterdir()}
    found = [entry.path for entry in parts(store) if entry.name.startswith(tuple(TEMPORARY))]
    for table in tables(store):
        if str(table) not in known | of_database:
            if {path.name for path in table.iterdir()} <= EMPTY:
                continue
            found.append(f"{table} is of no table")
        elif (aside := table / "detached").is_dir():
            found += map(str, aside.iterdir())
    found += [str(store / FROZEN)] if (store / FROZEN).exists() else []
    return found
