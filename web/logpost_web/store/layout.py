"""The tables of the store: made, brought to this release's layout, begun again for a rebuild."""

from __future__ import annotations

import re

from logpost_web.store.errors import QueryError
from logpost_web.store.schema import (
    ADDED_COLUMNS,
    BEFORE,
    CREATE_DELETED,
    CREATE_MANIFEST,
    CREATE_MATCHED,
    CREATE_STEPPED_OVER,
    CREATE_TABLE,
    DELETED,
    MANIFEST,
    MATCHED,
    MOVED_VERSION,
    OLDER,
    READ_COLUMNS,
    REPLACED_INDEXES,
    STEPPED_OVER,
    TABLE,
    TABLE_SETTINGS,
    VERSION,
    version_in,
)
from logpost_web.store.statements import Statements

COPIED_OFFSETS = 65_536
"""In one statement."""
TABLES = {
    TABLE: CREATE_TABLE,
    MANIFEST: CREATE_MANIFEST,
    STEPPED_OVER: CREATE_STEPPED_OVER,
    DELETED: CREATE_DELETED,
    MATCHED: CREATE_MATCHED,
}


def create(statements: Statements) -> None:
    """The tables that are not there yet. Raises QueryError."""
    for table, sql in TABLES.items():
        if not statements.has_table(table):
            statements.command(sql)


def upgrade(statements: Statements) -> None:
    """Every statement works on the tables afterwards; rows of an older layout are put aside to be written again. Raises
    QueryError.

    What is as it should be is not touched: on a disk without room the engine makes an empty file of the definition of a
    table that it alters, also where nothing changes, and then never opens it again."""
    statements.reads_older = False
    found = version(statements)
    if found < VERSION:
        if found >= MOVED_VERSION and statements.is_embedded and not statements.has_table(BEFORE):
            _put_older_aside(statements)
        else:
            begin_rebuild(statements)
    statements.reads_older = statements.has_table(OLDER)
    there = _columns(statements)
    for column in ADDED_COLUMNS:
        if column.split()[0] not in there:
            statements.command(f"ALTER TABLE {TABLE} ADD COLUMN IF NOT EXISTS {column}")
    _replace_indexes(statements)
    _renew_table_settings(statements)


def _put_older_aside(statements: Statements) -> None:
    """Rows that are right, but laid otherwise, are moved one table partition after the other: see `older.py`."""
    there = _columns(statements)
    for column in (*ADDED_COLUMNS, *(_defined(name) for name in READ_COLUMNS)):
        if column.split()[0] not in there:
            statements.command(f"ALTER TABLE {TABLE} ADD COLUMN IF NOT EXISTS {column}")
    if statements.has_table(OLDER):  # of a layout before that one
        _put_with(statements, OLDER)
        statements.command(f"DROP TABLE {TABLE} SYNC")
    else:
        statements.command(f"RENAME TABLE {TABLE} TO {OLDER}")
    statements.command(CREATE_TABLE)


def _defined(column: str) -> str:
    """As in CREATE_TABLE."""
    [found] = [line.strip(" ,") for line in CREATE_TABLE.splitlines() if line.startswith(f"    {column} ")]
    return found


def version(statements: Statements) -> int:
    """The layout (`schema.VERSION`) in which all rows are written; a lower one: some may be from before. Raises
    QueryError."""
    return version_in(comment(statements, TABLE))


def comment(statements: Statements, table: str) -> str:
    """Of a table that is there. Raises QueryError."""
    found = "SELECT comment FROM system.tables WHERE database = currentDatabase() AND name = {table:String}"
    return str(statements.query(found, {"table": table}).rows[0][0])


def begin_rebuild(statements: Statements) -> None:
    """Put the rows aside and begin an empty table, which the indexer fills: see `rebuild.py`. Nothing happens where
    that is under way, unless it is for an older layout. Raises QueryError."""
    if statements.has_table(OLDER):
        raise QueryError(
            "rows of the layout before are still being moved: let logpost web do that, and rebuild the store then"
        )
    is_running = statements.has_table(BEFORE)
    if is_running and version(statements) >= VERSION:
        return
    _refuse_replicated(statements)
    # By the manifest it lacks all its rows now; its last records still tell whether the log is the one they are of. One
    # block: it is written or it is not.
    statements.command(
        f"INSERT INTO {MANIFEST} SELECT Topic, TopicId, Partition, Chunk, Start, Start, 0,"
        f" greatest(Lacks, Rows + Lost), Lost, LastOffset, LastMark, Version + 1 FROM {MANIFEST} FINAL"
    )
    if is_running:
        _put_with(statements, BEFORE)
        statements.command(f"DROP TABLE {TABLE} SYNC")
    else:
        statements.command(f"RENAME TABLE {TABLE} TO {BEFORE}")
    statements.command(CREATE_TABLE)


def _columns(statements: Statements) -> set[str]:
    """Of the table. Raises QueryError."""
    found = "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = {table:String}"
    return {name for (name,) in statements.query(found, {"table": TABLE}).rows}


def _refuse_replicated(statements: Statements) -> None:
    """The new table would be of one server, and the others would keep theirs. Raises QueryError."""
    asked = "SELECT engine FROM system.tables WHERE database = currentDatabase() AND name = {table:String}"
    if any(engine.startswith("Replicated") for (engine,) in statements.query(asked, {"table": TABLE}).rows):
        raise QueryError(
            f"{TABLE} is replicated: drop it and the other tables of logpost on all servers, and make them with the"
            " statements of `logpost store ddl`; they are filled from the topics"
        )


def shared_columns(statements: Statements, other: str = BEFORE) -> list[str]:
    """Those that the table and another, that of before, both keep. Raises QueryError."""
    found = statements.query(
        "SELECT name FROM system.columns WHERE database = currentDatabase() AND table IN ({one:String}, {other:String})"
        " AND default_kind NOT IN ('ALIAS', 'MATERIALIZED') GROUP BY name HAVING count() = 2 ORDER BY name",
        {"one": TABLE, "other": other},
    )
    return [name for (name,) in found.rows]


def _put_with(statements: Statements, others: str) -> None:
    """The rows of the table, so far as another does not have the same. Once more after a crash it adds nothing."""
    columns = ", ".join(shared_columns(statements, others))
    size = {"size": COPIED_OFFSETS}
    chunks = statements.query(
        f"SELECT DISTINCT Topic, TopicId, Partition, intDiv(Offset, {{size:Int64}}) FROM {TABLE}", size
    )
    within = (
        "Topic = {topic:String} AND TopicId = {id:String} AND Partition = {partition:Int32}"
        " AND intDiv(Offset, {size:Int64}) = {chunk:Int64}"
    )
    for topic, topic_id, partition, chunk in chunks.rows:
        statements.command(
            f"INSERT INTO {others} ({columns}) SELECT {columns} FROM {TABLE} WHERE {within}"
            f" AND Offset NOT IN (SELECT Offset FROM {others} WHERE {within})"
            " SETTINGS max_partitions_per_insert_block = 0",
            {"topic": topic, "id": topic_id, "partition": partition, "chunk": chunk, **size},
        )


def _replace_indexes(statements: Statements) -> None:
    of_table = "FROM system.data_skipping_indices WHERE database = currentDatabase() AND table = {table:String}"
    for (name,) in statements.query(f"SELECT name {of_table}", {"table": TABLE}).rows:
        if name in REPLACED_INDEXES:
            index = REPLACED_INDEXES[name]
            statements.command(f"ALTER TABLE {TABLE} DROP INDEX {name}, ADD INDEX IF NOT EXISTS {index}")
            # In the background: what is not yet done is read whole.
            statements.command(f"ALTER TABLE {TABLE} MATERIALIZE INDEX {index.split()[0]}")


def _renew_table_settings(statements: Statements) -> None:
    """Tables of another release get the settings that it did not know, or had other values of."""
    for table in (TABLE, MANIFEST):
        of_table = "FROM system.tables WHERE database = currentDatabase() AND name = {table:String}"
        [(created,)] = statements.query(f"SELECT create_table_query {of_table}", {"table": table}).rows
        if any(not re.search(rf"\b{one}\b", created) for one in TABLE_SETTINGS.split(", ")):
            statements.command(f"ALTER TABLE {table} MODIFY SETTING {TABLE_SETTINGS}")
