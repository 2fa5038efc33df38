"""Filling the table again: the rows of before lie beside it in `otel_logs_before` until all are there again.

What the topics still have is read from them. What they have no more is copied as it is. Each step may be killed: it is
then done again, and adds nothing twice.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from logpost_web.store import manifest_table
from logpost_web.store.layout import shared_columns
from logpost_web.store.manifest_table import CHUNK, WITHIN, ChunkKey, within
from logpost_web.store.schema import BEFORE, DELETED, TABLE
from logpost_web.store.statements import Statements

NEVER = -1
"""No row arrived then, or has such an offset."""


@dataclass(frozen=True, slots=True)
class Past:
    """Rows that do not come again, because retention would drop them, or has. `before`: of each class the Unix second
    up to which its rows are past their time, and `before_others` of all other classes. `floors`: the last
    offset that had to go for room, by class, topic, its id and partition."""

    before: Mapping[int, int]
    before_others: int
    floors: Mapping[tuple[int, str, str, int], int]

    def condition(self, columns: Collection[str], log: tuple[str, str, int]) -> str:
        """On rows of one log in a table with these columns. Older tables have neither arrival nor class."""
        arrived = "ArrivedAt" if "ArrivedAt" in columns else "IndexedAt"
        of_class = "RetentionClass" if "RetentionClass" in columns else "0"
        floors = {one: offset for (one, *place), offset in self.floors.items() if tuple(place) == log}
        before = _by_class(of_class, self.before, self.before_others)
        return f"(toUnixTimestamp({arrived}) <= {before} OR Offset <= {_by_class(of_class, floors, NEVER)})"


def _by_class(of_class: str, values: Mapping[int, int], other: int) -> str:
    cases = "".join(f"{of_class} = {one}, {value}, " for one, value in sorted(values.items()))
    return f"multiIf({cases}{other})" if cases else str(other)


NOTHING_PAST = Past({}, NEVER, {})


def is_running(store: Statements) -> bool:
    """Whether the rows of before are still needed. Raises QueryError."""
    return store.has_table(BEFORE)


def copy(
    store: Statements, chunk: ChunkKey, size: int, below: int, source: str = BEFORE, past: Past = NOTHING_PAST
) -> int:
    """Copy those rows of a chunk of `size` offsets that lie below offset `below` and are neither in the table nor
    deleted nor past, from another one. Returns how many offsets below it have a row then, or had one. Raises
    QueryError."""
    topic, topic_id, partition, number = chunk
    start, end = number * size, min((number + 1) * size, below)
    shared = shared_columns(store, source)
    columns = ", ".join(shared)
    store.command(
        f"INSERT INTO {TABLE} ({columns}) SELECT {columns} FROM {source} WHERE {_LACKING}"
        f" AND NOT {past.condition(shared, chunk[:3])}"
        " SETTINGS max_partitions_per_insert_block = 0",  # a quiet topic's may be of years
        within(topic, topic_id, partition, start, end),
    )
    return manifest_table.count_offsets(store, topic, topic_id, partition, start, end)


_LACKING = (
    f"{WITHIN} AND Offset NOT IN (SELECT Offset FROM {TABLE} WHERE {WITHIN})"
    f" AND Offset NOT IN (SELECT Offset FROM {DELETED} WHERE {WITHIN})"
)


def count_past(store: Statements, chunk: ChunkKey, size: int, past: Past) -> int:
    """Rows of before of a chunk of `size` offsets that the table does not have, and that do not come again. Raises
    QueryError."""
    topic, topic_id, partition, number = chunk
    found = store.query(
        f"SELECT count() FROM {BEFORE} WHERE {_LACKING} AND {past.condition(shared_columns(store, BEFORE), chunk[:3])}",
        within(topic, topic_id, partition, number * size, (number + 1) * size),
    )
    return int(found.rows[0][0])


def forget_filled(store: Statements) -> int:
    """Drop those table partitions of the rows of before of which the table has all rows: both never take their room
    twice. Returns how many. Raises QueryError."""
    filled = [unit for unit in store.partition_ids(BEFORE) if not _lacks_some(store, unit)]
    for unit in filled:
        store.command(f"ALTER TABLE {BEFORE} DROP PARTITION ID '{unit}'")
    return len(filled)


def _lacks_some(store: Statements, unit: str) -> bool:
    chunks = store.query(
        f"SELECT Topic, TopicId, Partition, intDiv(Offset, {CHUNK}) AS chunk FROM {BEFORE}"
        " WHERE _partition_id = {unit:String} GROUP BY 1, 2, 3, 4 ORDER BY 4 DESC",  # the last are filled last
        {"unit": unit},
    )
    return any(
        store.query(
            f"SELECT 1 FROM {BEFORE} WHERE _partition_id = {{unit:String}} AND {_LACKING} LIMIT 1",
            {"unit": unit, **within(topic, topic_id, partition, chunk * CHUNK, (chunk + 1) * CHUNK)},
        ).rows
        for topic, topic_id, partition, chunk in chunks.rows
    )


@dataclass(frozen=True, slots=True)
class Offsets:
    """Those of a chunk's rows: how many, the first, the last, and a hash that tells one set from another."""

    rows: int
    first: int
    last: int
    hash: int


def offsets(store: Statements, table: str, size: int) -> dict[ChunkKey, Offsets]:
    """Of each chunk of `size` offsets that has rows in `table`, or had some that were deleted. Raises
    QueryError."""
    places = " UNION ALL ".join(f"SELECT Topic, TopicId, Partition, Offset FROM {one}" for one in (table, DELETED))
    return offsets_in(store, f"({places})", size)


def offsets_in(store: Statements, rows: str, size: int) -> dict[ChunkKey, Offsets]:
    """Of each chunk of `size` offsets that has some of `rows`, a table or a SELECT in brackets. Raises QueryError."""
    found = store.query(
        "SELECT Topic, TopicId, Partition, intDiv(Offset, {size:Int64}), count(), min(Offset), max(Offset),"
        f" sum(sipHash64(Offset)) FROM {rows} GROUP BY 1, 2, 3, 4",
        {"size": size},
    )
    return {
        (topic, topic_id, partition, chunk): Offsets(*counted)
        for topic, topic_id, partition, chunk, *counted in found.rows
    }


def end(store: Statements) -> None:
    """Forget the rows of before. Raises QueryError."""
    store.command(f"DROP TABLE IF EXISTS {BEFORE} SYNC")
