"""Parts of a backup, attached to a table of their own, and what of their rows the table does not have yet."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from logpost.backup import tree
from logpost.backup.listing import BackupError
from logpost_web.store import manifest_table, rebuild
from logpost_web.store.manifest_table import CHUNK, Chunk, ChunkKey
from logpost_web.store.rebuild import Offsets
from logpost_web.store.schema import BEFORE, MANIFEST, OLDER, RESTORED, TABLE
from logpost_web.store.store import Store

ROWS = (TABLE, BEFORE, OLDER)
"""Tables of a backup that have rows; the second where it was made during a rebuild, the third while rows of an older
layout were being moved."""


def stage(store: Store, table: str, create: str, parts: Sequence[tuple[str, Path]]) -> None:
    """An empty table as `create` made `table`, and then these parts in it: names and directories, which are copied.
    Raises BackupError, QueryError, OSError."""
    drop(store)
    store.command(_renamed(create, table))
    found = "SELECT data_paths[1] FROM system.tables WHERE database = currentDatabase() AND name = {table:String}"
    [(place,)] = store.query(found, {"table": RESTORED}).rows
    for name, directory in parts:
        shutil.copytree(directory, Path(place, "detached", name), copy_function=shutil.copyfile)
    tree.sync_all(Path(place))
    for name, _ in parts:
        store.command(f"ALTER TABLE {RESTORED} ATTACH PART '{name}'")


def _renamed(create: str, table: str) -> str:
    head, dot, rest = create.partition(f".{table} (")
    if not dot or not head.startswith("CREATE TABLE ") or " " in head.removeprefix("CREATE TABLE "):
        raise BackupError(f"no statement that makes {table}: {create[:100]}")
    return f"CREATE TABLE {RESTORED} ({rest}"


def drop(store: Store) -> None:
    """Raises QueryError."""
    store.command(f"DROP TABLE IF EXISTS {RESTORED} SYNC")


def staged_offsets(store: Store) -> dict[ChunkKey, Offsets]:
    """Of the rows that are staged. Raises QueryError."""
    return rebuild.offsets_in(store, RESTORED, CHUNK)


def take(store: Store, staged: Mapping[ChunkKey, Offsets]) -> int:
    """Put into the table what it does not have of the staged rows; killed halfway it may be called again with the same.
    Returns how many rows were added. Nobody else inserts meanwhile. Raises QueryError, OSError."""
    before = _known(store, staged)
    if not before and _is_alike(store):
        units = "SELECT DISTINCT partition_id FROM system.parts WHERE database = currentDatabase() AND active"
        for (unit,) in store.query(f"{units} AND table = {{table:String}}", {"table": RESTORED}).rows:
            store.command(f"ALTER TABLE {TABLE} ATTACH PARTITION ID '{unit}' FROM {RESTORED}")
    else:
        for key, offsets in staged.items():
            rebuild.copy(store, key, CHUNK, offsets.last + 1, RESTORED)
    tree.sync_all(store.place)
    return _known(store, staged) - before


def _known(store: Store, staged: Mapping[ChunkKey, Offsets]) -> int:
    """Rows that the table has between the first and the last that are staged of each chunk."""
    return sum(
        manifest_table.count_offsets(store, topic, topic_id, partition, one.first, one.last + 1)
        for (topic, topic_id, partition, _), one in staged.items()
    )


def _is_alike(store: Store) -> bool:
    """Whether parts of the one table are parts of the other."""
    made = [
        store.query(
            "SELECT partition_key, sorting_key, comment, create_table_query FROM system.tables"
            " WHERE database = currentDatabase() AND name = {table:String}",
            {"table": table},
        ).rows[0]
        for table in (TABLE, RESTORED)
    ]
    (*one, made_one), (*other, made_other) = made
    return one == other and _columns_of(str(made_one)) == _columns_of(str(made_other))


def _columns_of(create: str) -> str:
    return create[create.index(" (") : create.index(") ENGINE = ")]


def staged_lines(store: Store) -> list[Chunk]:
    """Of a manifest that is staged. Raises QueryError."""
    return manifest_table.read(store, RESTORED)


def lists(store: Store, tables: Mapping[str, str]) -> list[str]:
    """Those of `tables` (name → the statement that made it) that say something of places, and whose lines replace their
    like: what was stepped over, what was deleted. Raises QueryError."""
    return [
        name
        for name, create in sorted(tables.items())
        if name != MANIFEST and "ENGINE = ReplacingMergeTree" in create and store.has_table(name)
    ]


def take_list(store: Store, table: str) -> None:
    """Put the lines that are staged into one of `lists`. Raises QueryError."""
    store.command(f"INSERT INTO {table} SELECT * FROM {RESTORED}")


def account(store: Store, saved: Sequence[Chunk], *, is_whole: bool) -> None:
    """Count what was taken like rows that were read. `saved`: lines of the backup's manifest, and of rows that it had
    none for; not `is_whole`: some of its parts could not be had, and what is lacking is to be read again. Raises
    QueryError."""
    lines = {line.key: line for line in manifest_table.read(store)}
    changed = []
    for one in saved:
        line = merged(lines.get(one.key), one)
        if line is None:
            continue
        found = manifest_table.count_offsets(store, line.topic, line.topic_id, line.partition, line.start, line.end)
        if is_whole or one.key in lines:
            line.lost = max(line.rows + line.lost - found, 0) if one.key in lines else line.lost
            line.rows = found
        changed.append(line)
    if changed:
        manifest_table.write(store, changed)


def merged(line: Chunk | None, saved: Chunk) -> Chunk | None:
    """The line of a chunk of which rows of a backup were taken, whose rows are still to be counted; None where it stays
    as it is, because what lies between both was never looked at."""
    if line is None:
        return saved
    if max(line.start, saved.start) > min(line.end, saved.end):
        return None
    last = max((line.last_offset, line.last_mark), (saved.last_offset, saved.last_mark))
    return Chunk(
        *line.key,
        start=min(line.start, saved.start),
        end=max(line.end, saved.end),
        rows=line.rows,
        lacks=line.lacks,
        lost=line.lost,
        last_offset=last[0],
        last_mark=last[1],
        version=line.version + 1,
    )
