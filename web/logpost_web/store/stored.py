"""What the store has already, or had until it was deleted for good: offsets of a partition, byte ranges of streams; and
single lines of those that it has.

The first two are intervals of many adjacent rows, asked for at every start and rebalance, of partitions and streams of
any length: the store must not sort all their rows to find that there is one interval. It sums up chunk by chunk,
and a chunk is whole when its ends and starts cancel out: as hashes, the sum of all ends minus the sum of all starts is
then the last end minus the first start, so nothing is missing and nothing is there twice. Only the chunks that are not
whole are sorted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from logpost_web.store.intervals import IntervalSet
from logpost_web.store.schema import DELETED, TABLE
from logpost_web.store.store import Store

SORTED_ROWS = 2_000_000
"""Rows that one statement sorts, about 100 MB; a chunk has at most half as many."""
NEAR = 65_536
"""Offsets that are looked at for what came before."""
IDS_A_STATEMENT = 1000
"""Parameters travel in the address of a request when the store is a server."""
PLACES_A_STATEMENT = 1000
"""The same, with an id each at worst."""

Place = tuple[str, int]
"""The stream and the end of a line in it."""


class Line(NamedTuple):
    """A row as it is compared with another. `attributes`: JSON."""

    stream: str
    end: int
    time_ns: int
    body: str
    level: str
    host: str
    service: str
    file: str
    trace_id: str
    span_id: str
    attributes: str


_Item = TypeVar("_Item")

_CHUNKS = """
SELECT id, sipHash64(id, intDiv(start, 1048576)) AS chunk, min(start) AS first, max(end) AS last, count(),
    sum(sipHash64(end)) - sum(sipHash64(start)) = sipHash64(last) - sipHash64(first)
FROM ({rows})
GROUP BY id, chunk
ORDER BY id, first
"""

# A run begins where a row starts behind the end of all before it.
_RUNS = """
SELECT id, min(start) AS first, max(end)
FROM (
    SELECT id, start, end, sum(begins) OVER (PARTITION BY id ORDER BY start, end) AS run
    FROM (
        SELECT id, start, end,
            start > max(end) OVER (
                PARTITION BY id ORDER BY start, end ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) AS begins
        FROM ({rows}) WHERE sipHash64(id, intDiv(start, 1048576)) IN {{chunks:Array(UInt64)}}
    )
)
GROUP BY id, run
ORDER BY id, first
"""

_OFFSETS = " UNION ALL ".join(
    f"SELECT '' AS id, Offset AS start, Offset + 1 AS end FROM {table}"
    " WHERE Topic = {topic:String} AND TopicId = {topic_id:String}"
    " AND Partition = {partition:Int32} AND Offset >= {from:Int64}"
    for table in (TABLE, DELETED)
)
_RANGES = " UNION ALL ".join(
    f"SELECT StreamId AS id, StreamFrom AS start, StreamTo AS end FROM {table}"
    " WHERE StreamId IN {ids:Array(String)} AND StreamFrom < StreamTo"
    for table in (TABLE, DELETED)
)


# In the order of Line. `streams` says for each place which of `ids` it is in.
_LINES = """
SELECT StreamId, StreamTo, toUnixTimestamp64Nano(Timestamp), Body, SeverityText, HostName, ServiceName, FilePath,
    TraceId, SpanId, toJSONString(LogAttributes)
FROM otel_logs
WHERE StreamId IN {ids:Array(String)} AND StreamFrom < StreamTo AND (StreamId, StreamTo) IN (
    SELECT {ids:Array(String)}[place.1], place.2
    FROM (SELECT arrayJoin(arrayZip({streams:Array(UInt32)}, {ends:Array(UInt64)})) AS place)
)
"""


def stored_offsets(store: Store, topic: str, partition: int, topic_id: str, from_offset: int) -> IntervalSet:
    """Offsets from `from_offset` on that the store has, or of which a deletion took the rows. Raises QueryError."""
    parameters = {"topic": topic, "topic_id": topic_id, "partition": partition, "from": from_offset}
    return IntervalSet((start, end) for _, start, end in _intervals(store, _OFFSETS, parameters))


def newest_arrival(store: Store, topic: str, partition: int, topic_id: str, before: int) -> int:
    """When the newest of the rows arrived that stand within NEAR offsets before offset `before`, in Unix seconds; 0
    without any. Raises QueryError."""
    found = store.query(
        "SELECT toUnixTimestamp(max(ArrivedAt)) FROM otel_logs WHERE Topic = {topic:String} AND TopicId = {id:String}"
        " AND Partition = {partition:Int32} AND Offset >= {from:Int64} AND Offset < {before:Int64}",
        {"topic": topic, "id": topic_id, "partition": partition, "from": before - NEAR, "before": before},
    )
    return int(found.rows[0][0])


def stored_ranges(store: Store, stream_ids: Collection[str]) -> dict[str, IntervalSet]:
    """Byte ranges that the store has of each stream, or that were deleted; an empty set for a stream that it does not
    know. Raises QueryError."""
    found = {stream_id: IntervalSet() for stream_id in stream_ids}
    for some in slices(list(found), IDS_A_STATEMENT):
        for stream_id, start, end in _intervals(store, _RANGES, {"ids": some}):
            found[stream_id].add(start, end)
    return found


def stored_lines(store: Store, places: Collection[Place]) -> Iterator[Line]:
    """The lines that the store has at these places. Raises QueryError."""
    for some in slices(sorted(places), PLACES_A_STATEMENT):
        ids = sorted({stream_id for stream_id, _ in some})
        numbers = {stream_id: number for number, stream_id in enumerate(ids, start=1)}
        streams = [numbers[stream_id] for stream_id, _ in some]
        parameters = {"ids": ids, "streams": streams, "ends": [end for _, end in some]}
        yield from (Line(*row) for row in store.query(_LINES, parameters).rows)


def _intervals(store: Store, rows: str, parameters: Mapping[str, object]) -> Iterator[tuple[str, int, int]]:
    """(id, start, end) of all that `rows`, a SELECT of id, start and end, is made of; intervals may touch."""
    broken: list[tuple[int, int]] = []
    for row_id, chunk, start, end, count, is_whole in store.query(_CHUNKS.format(rows=rows), parameters).rows:
        if is_whole:
            yield row_id, start, end
        else:
            broken.append((chunk, count))
    for chunks in batches(broken):
        for row_id, start, end in store.query(_RUNS.format(rows=rows), {**parameters, "chunks": chunks}).rows:
            yield row_id, start, end


def batches(chunks: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    """Chunks, given with their rows, that one statement can sort."""
    batch: list[int] = []
    rows = 0
    for chunk, count in chunks:
        if batch and (rows + count > SORTED_ROWS or len(batch) == IDS_A_STATEMENT):
            yield batch
            batch, rows = [], 0
        batch.append(chunk)
        rows += count
    if batch:
        yield batch


def slices(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
