"""Units of the table `otel_logs`, a table partition each: what they hold, and how they go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from logpost.query.syntax import parse
from logpost_web.query.condition import compile_condition
from logpost_web.store import manifest_table, older
from logpost_web.store.columns import LOGS
from logpost_web.store.manifest_table import CHUNK, ChunkKey
from logpost_web.store.older import class_and_unit
from logpost_web.store.schema import BEFORE, COPIED, MANIFEST, MOVED, OLDER, TABLE
from logpost_web.store.store import Store


class StoredUnit(NamedTuple):
    """`bytes`: of its files. `rows`: with those that are marked as deleted, until a merge."""

    of_class: int
    number: int
    rows: int
    bytes: int


def units(store: Store, *tables: str) -> list[StoredUnit]:
    """Of all rows that are searched; or of the tables that are named. Raises QueryError."""
    found = store.query(
        "SELECT partition_id, sum(rows), sum(bytes_on_disk) FROM system.parts"
        " WHERE database = currentDatabase() AND active AND table IN {tables:Array(String)} GROUP BY 1",
        {"tables": [*(tables or (TABLE, OLDER))]},
    )
    sums: dict[tuple[int, int], tuple[int, int]] = {}
    for name, rows, size in found.rows:
        place = class_and_unit(name)
        known = sums.get(place, (0, 0))
        sums[place] = (known[0] + rows, known[1] + size)
    return [StoredUnit(*place, *summed) for place, summed in sums.items()]


def passing_bytes(store: Store) -> int:
    """What goes without being dropped: rows of before, when the table is filled again, those that are being copied, and
    parts that merges have replaced. Raises QueryError."""
    found = store.query(
        "SELECT sum(bytes_on_disk) FROM system.parts WHERE database = currentDatabase() AND table LIKE 'otel_logs%'"
        " AND (NOT active OR table IN {tables:Array(String)})",
        {"tables": [BEFORE, COPIED, MOVED]},
    )
    return int(found.rows[0][0])


def await_replaced(store: Store) -> None:
    """The engine reads the parts that merges have replaced after the others: `passing_bytes` counts them all
    afterwards. Raises QueryError."""
    for table in (TABLE, MANIFEST, OLDER) if store.reads_older else (TABLE, MANIFEST):
        store.command(f"SYSTEM WAIT LOADING PARTS {table}")


class Chosen(NamedTuple):
    """Rows of one unit: all, or those that arrived before `before` (Unix seconds), match `query`, and are of
    `partitions`, each a topic and a number."""

    of_class: int
    number: int
    before: int | None = None
    query: str = ""
    partitions: tuple[tuple[str, int], ...] | None = None

    @property
    def is_whole(self) -> bool:
        return self.before is None and self.partitions is None

    def condition(self) -> tuple[str, Mapping[str, object]]:
        """With the parameters that it names."""
        parameters: dict[str, object] = {}
        clauses = [f"RetentionClass = {self.of_class}", f"RetentionUnit = {self.number}"]
        if self.before is not None:
            clauses.append(f"ArrivedAt < toDateTime({self.before}, 'UTC')")
        if self.partitions is not None:
            each = [
                f"Topic = {{topic_{at}:String}} AND Partition = {one}" for at, (_, one) in enumerate(self.partitions)
            ]
            clauses.append(f"({' OR '.join(each) or '0'})")
            parameters.update({f"topic_{at}": topic for at, (topic, _) in enumerate(self.partitions)})
        if self.query:
            matches = compile_condition(parse(self.query), LOGS)
            clauses.append(matches.sql)
            parameters.update(matches.parameters)
        return " AND ".join(clauses), parameters


class Counted(NamedTuple):
    """`chunks`: rows of each chunk of offsets; `newest`: the last arrival of a row, in Unix seconds, 0 without any;
    `last`: the last offset of each topic, its id, and partition."""

    chunks: dict[ChunkKey, int]
    newest: int
    last: dict[tuple[str, str, int], int]

    @property
    def rows(self) -> int:
        return sum(self.chunks.values())


NOTHING = Counted({}, 0, {})


def count(store: Store, chosen: Chosen) -> Counted:
    """Raises QueryError."""
    condition, parameters = chosen.condition()
    found = store.query(
        "SELECT Topic, TopicId, Partition, intDiv(Offset, {chunk:Int64}), count(), toUnixTimestamp(max(ArrivedAt)),"
        f" max(Offset) FROM {TABLE} WHERE {condition} GROUP BY 1, 2, 3, 4",
        {**parameters, "chunk": CHUNK},
    )
    counted = Counted({}, 0, {})
    newest = 0
    for topic, topic_id, partition, chunk, rows, arrived, offset in found.rows:
        counted.chunks[topic, topic_id, partition, chunk] = rows
        log = (topic, topic_id, partition)
        counted.last[log] = max(counted.last.get(log, 0), offset)
        newest = max(newest, arrived)
    return counted._replace(newest=newest)


def lowest(store: Store) -> tuple[dict[tuple[int, str, str, int], int], int]:
    """Below which offsets nothing is left, by class, topic, its id and partition, and when the last row below them
    arrived at the latest, in Unix seconds, 0 for none. Without logs of which rows are missing: those are below, too.
    Raises QueryError."""
    counted = manifest_table.count_rows(store, CHUNK)
    lacking = {
        line.key[:3]
        for line in manifest_table.read(store)
        if line.lacks or line.rows > counted.get(line.key, (0, 0))[0]
    }
    found = store.query(
        "SELECT RetentionClass, Topic, TopicId, Partition, min(Offset), toUnixTimestamp(min(ArrivedAt))"
        f" FROM {TABLE} GROUP BY 1, 2, 3, 4"
    )
    rows = [row for row in found.rows if tuple(row[1:4]) not in lacking and row[4] > 0]
    newest = max((arrived for *_, arrived in rows), default=0)
    return {(of_class, *log): first - 1 for of_class, *log, first, _ in rows}, newest


def drop(store: Store, chosen: Chosen) -> None:
    """Afterwards they are gone; so is their room where that is a whole unit, and soon where it needs a query. It may be
    called again. Raises QueryError."""
    for part in older.parts(store) if store.reads_older else ():
        if class_and_unit(part.id) == (chosen.of_class, chosen.number):
            _drop(store, chosen, OLDER, f"ID '{part.id}'")
    _drop(store, chosen, TABLE, f"({chosen.of_class}, {chosen.number})")


def end_drops(store: Store) -> None:
    """What the engine would go on with after a kill does not go on: what is counted now stays. Raises QueryError."""
    if store.is_embedded:
        store.command(
            "KILL MUTATION WHERE database = currentDatabase() AND table IN {tables:Array(String)} AND NOT is_done"
            " AND position(command, '_row_exists') > 0 SYNC",
            {"tables": [TABLE, OLDER]},
        )


def _drop(store: Store, chosen: Chosen, table: str, partition: str) -> None:
    if chosen.is_whole:
        store.command(f"ALTER TABLE {table} DROP PARTITION {partition}")
        return
    condition, parameters = chosen.condition()
    store.command(f"DELETE FROM {table} IN PARTITION {partition} WHERE {condition}", parameters)
    if chosen.query or chosen.partitions is not None:
        # Of a unit's hours the others go soon; what a rule takes out may be most of a unit that stays for days.
        # In the background: the indexer does not wait for a large unit to be written again.
        store.command(f"ALTER TABLE {table} APPLY DELETED MASK IN PARTITION {partition} SETTINGS mutations_sync = 0")
