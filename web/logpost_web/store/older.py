"""Rows of the layout before: they lie in `otel_logs_older` until they are written as this release writes them.

Statements that read `otel_logs` read both meanwhile (`Statements.reads_older`), so nothing is missing. One table
partition after the other is copied to `otel_logs_copied`, which nobody reads, and compared. Then it changes places
with what it was copied from, in a moment in which no statement runs. Killed before that moment it is copied once more;
killed in it, the next start ends it.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import NamedTuple

from logpost_web.store import durable, rebuild
from logpost_web.store.layout import comment, shared_columns
from logpost_web.store.manifest_table import CHUNK, WITHIN, within
from logpost_web.store.schema import COPIED, CREATE_TABLE, DELETED, MOVED, OLDER, TABLE
from logpost_web.store.statements import Statements

SLICE_ROWS = 65_536
"""Of one statement."""
_PLACE = "Topic, TopicId, Partition, Offset"
_UNIT_COMMENT = "of the unit "


class Part(NamedTuple):
    """A table partition of the rows of before. `id`: the engine's."""

    id: str
    rows: int
    bytes: int

    @property
    def day(self) -> str:
        """When its rows arrived, as 2026-11-30."""
        _, number = class_and_unit(self.id)
        return datetime.datetime.fromtimestamp(number // 10**7 * 3600, datetime.UTC).date().isoformat()


class Slice(NamedTuple):
    """Offsets [start, end) of one log."""

    topic: str
    topic_id: str
    partition: int
    start: int
    end: int


def class_and_unit(partition_id: str) -> tuple[int, int]:
    """Numbers of the class and the unit of a table partition, of this layout or of one before, whose partitions were
    days."""
    of_class, dash, number = partition_id.partition("-")
    if dash:
        return int(of_class), int(number)
    day = datetime.date(int(partition_id[:4]), int(partition_id[4:6]), int(partition_id[6:8]))
    return 0, ((day - datetime.date(1970, 1, 1)).days * 24 * 100 + 24) * 100_000


def parts(statements: Statements) -> list[Part]:
    """Those that are left, the newest first: of the oldest retention may drop some before they are copied. Raises
    QueryError."""
    found = statements.query(
        "SELECT partition_id, sum(rows), sum(bytes_on_disk) FROM system.parts"
        " WHERE database = currentDatabase() AND active AND table = {table:String} GROUP BY 1",
        {"table": OLDER},
    )
    left = [Part(*row) for row in found.rows]
    return sorted(left, key=lambda one: (class_and_unit(one.id)[1], one.id), reverse=True)


def begin(statements: Statements, part: Part) -> list[Slice]:
    """What is to be copied of it, into an empty table. Raises QueryError."""
    forget_copied(statements)
    made = CREATE_TABLE.replace(f"IF NOT EXISTS {TABLE} ", f"{COPIED} ").partition("COMMENT '")[0]
    statements.command(f"{made}COMMENT '{_UNIT_COMMENT}{part.id}'")
    chunks = statements.query(
        f"SELECT Topic, TopicId, Partition, intDiv(Offset, {CHUNK}) AS chunk, count() FROM {OLDER}"
        " WHERE _partition_id = {id:String} GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4",
        {"id": part.id},
    )
    slices: list[Slice] = []
    rows = 0
    for topic, topic_id, partition, chunk, count in chunks.rows:
        log = (topic, topic_id, partition)
        if slices and slices[-1][:3] == log and rows + count <= SLICE_ROWS:
            slices[-1] = slices[-1]._replace(end=(chunk + 1) * CHUNK)
            rows += count
        else:
            slices.append(Slice(*log, chunk * CHUNK, (chunk + 1) * CHUNK))
            rows = count
    return slices


def forget_copied(statements: Statements) -> None:
    """Raises QueryError."""
    statements.command(f"DROP TABLE IF EXISTS {COPIED} SYNC")


def copy(statements: Statements, part: Part, piece: Slice) -> None:
    """Raises QueryError."""
    columns = ", ".join(shared_columns(statements, OLDER))
    statements.command(
        f"INSERT INTO {COPIED} ({columns}) SELECT {columns} FROM {OLDER} WHERE _partition_id = {{id:String}}"
        f" AND {WITHIN} AND Offset NOT IN (SELECT Offset FROM {DELETED} WHERE {WITHIN})"
        " SETTINGS max_partitions_per_insert_block = 0",
        {"id": part.id, **within(*piece)},
    )


def is_copied(statements: Statements, part: Part) -> bool:
    """Whether the copy has the rows that are there now: some may have been dropped or deleted meanwhile. Raises
    QueryError."""
    columns = f"count(), sum(sipHash64({_PLACE}, Timestamp, Body))"
    old = statements.query(
        f"SELECT {columns} FROM {OLDER} WHERE _partition_id = {{id:String}}"
        f" AND ({_PLACE}) NOT IN (SELECT {_PLACE} FROM {DELETED})",
        {"id": part.id},
    )
    new = statements.query(f"SELECT {columns} FROM {COPIED} WHERE ({_PLACE}) NOT IN (SELECT {_PLACE} FROM {DELETED})")
    total = statements.query(f"SELECT count() FROM {COPIED}")
    return old.rows[0] == new.rows[0] and total.rows[0][0] == new.rows[0][0]


def take(statements: Statements, seconds: float) -> bool:
    """The copy takes the place of what it was made of, once no statement runs; False where `seconds` were not enough to
    come to that. Raises QueryError, OSError."""
    with statements.at_rest(seconds) as is_resting:
        if is_resting:
            statements.command(f"RENAME TABLE {COPIED} TO {MOVED}")
            for unit in statements.partition_ids(MOVED):
                statements.command(f"ALTER TABLE {TABLE} ATTACH PARTITION ID '{unit}' FROM {MOVED}")
            _sync(statements)
            _drop_original(statements)
    return is_resting


def settle(statements: Statements) -> None:
    """End what was killed. Nobody reads meanwhile. Raises QueryError."""
    forget_copied(statements)
    if not statements.has_table(MOVED):
        return
    # Some of its parts may be in the table already.
    chunks = statements.query(
        f"SELECT Topic, TopicId, Partition, intDiv(Offset, {CHUNK}) AS chunk, max(Offset) FROM {MOVED}"
        " GROUP BY 1, 2, 3, 4"
    )
    for topic, topic_id, partition, chunk, last in chunks.rows:
        rebuild.copy(statements, (topic, topic_id, partition, chunk), CHUNK, last + 1, MOVED)
    _drop_original(statements)


def settle_failed(statements: Statements, seconds: float) -> bool:
    """The same where it failed in this process; False where `seconds` were not enough, as in `take`. Raises
    QueryError."""
    if not statements.has_table(MOVED):
        return True
    with statements.at_rest(seconds) as is_resting:
        if is_resting:
            settle(statements)
    return is_resting


def _drop_original(statements: Statements) -> None:
    unit = comment(statements, MOVED).removeprefix(_UNIT_COMMENT)
    if unit in statements.partition_ids(OLDER):
        statements.command(f"ALTER TABLE {OLDER} DROP PARTITION ID '{unit}'")
    statements.command(f"DROP TABLE {MOVED} SYNC")


def _sync(statements: Statements) -> None:
    """The files are on the disk, and their names not yet."""
    found = statements.query(
        "SELECT path FROM system.parts WHERE database = currentDatabase() AND active AND table = {table:String}"
        f" AND partition_id IN (SELECT partition_id FROM system.parts WHERE table = '{MOVED}' AND active)",
        {"table": TABLE},
    )
    parts = [Path(place) for (place,) in found.rows]
    for directory in {*parts, *(part.parent for part in parts)}:
        durable.sync(directory)


def end(statements: Statements, seconds: float) -> bool:
    """Nothing is left: forget the empty table, once no statement runs, as in `take`. Raises QueryError."""
    with statements.at_rest(seconds) as is_resting:
        if is_resting:
            statements.command(f"DROP TABLE {OLDER} SYNC")
            statements.reads_older = False
    return is_resting
