"""The parts of all tables as they are at one moment, kept beside the store by links until they are copied.

`BACKUP` is refused by the embedded engine without a setting of its server. Its `FREEZE` makes links that nobody removes
after a crash: the next process that opens the store does.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import uuid
from pathlib import Path

import msgspec

from logpost.errors import LogpostError
from logpost_web.store.disk import BLOCK
from logpost_web.store.embedded import FROZEN, release_frozen
from logpost_web.store.schema import COPIED, RESTORED
from logpost_web.store.store import Store
from logpost_web.store.version import StoreVersion, read


class FrozenTable(msgspec.Struct, kw_only=True, frozen=True):
    """`directory`: of its parts, below that of what is frozen; `create`: the statement that made it; `parts`: the names
    of all."""

    directory: str
    create: str
    parts: list[str]


class Frozen(msgspec.Struct, kw_only=True, frozen=True):
    """`made`: when, in RFC 3339."""

    directory: str
    made: str
    store: StoreVersion
    tables: dict[str, FrozenTable]


def freeze(store: Store) -> Frozen:
    """Nobody writes to the store meanwhile, but merges. Raises QueryError, OSError, LogpostError for a store on a
    server."""
    path = store.path
    if path is None:
        raise LogpostError(f"the store {store.description} is on a server: back it up there")
    release(store)
    found = store.query(
        "SELECT name, data_paths[1], create_table_query FROM system.tables WHERE database = currentDatabase()"
        " AND startsWith(name, 'otel_logs') AND endsWith(engine, 'MergeTree') AND name NOT IN {passing:Array(String)}"
        " ORDER BY 1",
        {"passing": [RESTORED, COPIED]},
    )
    name = f"backup_{uuid.uuid4().hex}"  # its own: who copies sees that another one was made meanwhile
    directory = (path / FROZEN / name).absolute()
    directory.mkdir(parents=True)  # of an empty store nothing is linked
    for table, _, _ in found.rows:
        store.command(f"ALTER TABLE {table} FREEZE WITH NAME '{name}'")
    return Frozen(
        directory=str(directory),
        made=datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
        store=read(path),
        tables={
            table: _table(directory, "/".join(Path(place).parts[-3:]), create)  # store/357/357f79b4-…
            for table, place, create in found.rows
        },
    )


def _table(frozen: Path, directory: str, create: str) -> FrozenTable:
    place = frozen / directory
    parts = sorted(one.name for one in place.iterdir()) if place.is_dir() else []
    return FrozenTable(directory=directory, create=create, parts=parts)


def release(store: Store) -> None:
    """Forget what was frozen."""
    if store.path is not None:
        release_frozen(store.path)


def held_bytes(store: Store) -> int:
    """What only the links keep on the disk: the store has removed it since. It goes when the backup ends."""
    total = 0
    for directory, _, files in os.walk(store.path / FROZEN) if store.path is not None else ():
        for path in (directory, *(f"{directory}/{name}" for name in files)):
            with contextlib.suppress(OSError):
                found = os.lstat(path)
                is_alone = found.st_nlink == 1 or path == directory
                total += found.st_blocks * BLOCK if is_alone else 0
    return total
