"""The table `otel_logs_manifest`: what the store says that it has, and what it has.

Its lines are written after the rows that they count, so they never promise too much. They need no fsync: one that a
power cut took costs reading its chunk again. The newest version of a line is the one that holds.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from logpost_web.store.schema import DELETED, MANIFEST, TABLE
from logpost_web.store.statements import Statements

CHUNK = 65_536
"""Offsets that are accounted for together, and read again together when rows of them are lost."""
ChunkKey = tuple[str, str, int, int]
"""Topic, topic's id, partition, number of the chunk."""


class Chunk(msgspec.Struct, gc=False, rename="pascal"):
    """A line of the table. Of the CHUNK offsets from CHUNK times `number` on, [start, end) were taken and are `rows`
    rows.

    `lacks`: rows that it had before some were lost, while it is read again; else 0. `lost`: rows that could not be had
    again. `last_offset`, `last_mark`: the last record that it ever had and what tells it from others, -1 and 0 before
    the first."""

    topic: str
    topic_id: str
    partition: int
    number: int = msgspec.field(name="Chunk")
    start: int
    end: int
    rows: int = 0
    lacks: int = 0
    lost: int = 0
    last_offset: int = -1
    last_mark: int = 0
    version: int = 0

    @property
    def key(self) -> ChunkKey:
        return self.topic, self.topic_id, self.partition, self.number


_COLUMNS = ", ".join(field.encode_name for field in msgspec.structs.fields(Chunk))


def read(store: Statements, table: str = MANIFEST) -> list[Chunk]:
    """Raises QueryError."""
    return [Chunk(*row) for row in store.query(f"SELECT {_COLUMNS} FROM {table} FINAL").rows]


def write(store: Statements, lines: Sequence[Chunk]) -> None:
    """Raises QueryError."""
    store.insert(msgspec.json.Encoder().encode_lines(list(lines)), MANIFEST)


def count_rows(
    store: Statements, chunk_size: int, table: str = TABLE, without: Sequence[str] = ()
) -> dict[ChunkKey, tuple[int, int]]:
    """Rows of each chunk of offsets, and the highest offset; of TABLE with those that a deletion took, perhaps twice
    while it takes them. `without`: parts that are not read. Raises QueryError."""
    places = " UNION ALL ".join(
        f"SELECT Topic, TopicId, Partition, Offset FROM {one} WHERE _part NOT IN {{without:Array(String)}}"
        for one in ((TABLE, DELETED) if table == TABLE else [table])
    )
    counted = store.query(
        "SELECT Topic, TopicId, Partition, intDiv(Offset, {size:Int64}), count(), max(Offset)"
        f" FROM ({places}) GROUP BY 1, 2, 3, 4",
        {"size": chunk_size, "without": list(without)},
    )
    return {
        (topic, topic_id, partition, chunk): (rows, highest)
        for topic, topic_id, partition, chunk, rows, highest in counted.rows
    }


WITHIN = (
    "Topic = {topic:String} AND TopicId = {topic_id:String} AND Partition = {partition:Int32}"
    " AND Offset >= {start:Int64} AND Offset < {end:Int64}"
)
"""A condition on rows; `within` gives its parameters."""


def within(topic: str, topic_id: str, partition: int, start: int, end: int) -> dict[str, object]:
    return {"topic": topic, "topic_id": topic_id, "partition": partition, "start": start, "end": end}


def count_offsets(store: Statements, topic: str, topic_id: str, partition: int, start: int, end: int) -> int:
    """Offsets of [start, end) that have a row, or had one until it was deleted for good. Raises QueryError."""
    places = " UNION ALL ".join(f"SELECT Offset FROM {one} WHERE {WITHIN}" for one in (TABLE, DELETED))
    found = store.query(f"SELECT uniqExact(Offset) FROM ({places})", within(topic, topic_id, partition, start, end))
    return int(found.rows[0][0])


def contents(
    store: Statements, table: str, topic: str, partition: int, topic_id: str, start: int, end: int, limit: int
) -> list[tuple[int, tuple[int, str, str, int]]]:
    """At most `limit` rows of `table`, TABLE or BEFORE, of offsets [start, end), in order: offset, and what tells a row
    from others: its time in Unix nanoseconds, the MD5 of its body, its stream and where in it. Without rows that were
    cut: the limit may have been another one then. Raises QueryError."""
    found = store.query(
        "SELECT Offset, toUnixTimestamp64Nano(Timestamp), lower(hex(MD5(Body))), StreamId, StreamFrom"
        f" FROM {table} WHERE {WITHIN} AND BodyBytes = 0 ORDER BY Offset LIMIT {{limit:UInt32}}",
        {**within(topic, topic_id, partition, start, end), "limit": limit},
    )
    return [(offset, (ns, body, stream, start)) for offset, ns, body, stream, start in found.rows]
