"""What the store has already: offsets of a partition, byte ranges of streams."""

from __future__ import annotations

from collections.abc import Collection

from logpost_web.indexer.intervals import IntervalSet
from logpost_web.store.store import Store

# Runs of numbers without a gap, found by what all members of a run share: the number minus its rank.
_OFFSETS = """
SELECT min(Offset), max(Offset) + 1
FROM (
    SELECT Offset, Offset - row_number() OVER (ORDER BY Offset) AS run
    FROM (
        SELECT DISTINCT Offset FROM otel_logs
        WHERE Topic = {topic:String} AND TopicId = {topic_id:String}
            AND Partition = {partition:Int32} AND Offset >= {from:Int64}
    )
)
GROUP BY run
ORDER BY run
"""

# A run begins where a range starts behind the end of all before it.
_RANGES = """
SELECT StreamId, min(StreamFrom), max(StreamTo)
FROM (
    SELECT StreamId, StreamFrom, StreamTo,
        sum(begins) OVER (PARTITION BY StreamId ORDER BY StreamFrom, StreamTo) AS run
    FROM (
        SELECT StreamId, StreamFrom, StreamTo,
            StreamFrom > max(StreamTo) OVER (
                PARTITION BY StreamId ORDER BY StreamFrom, StreamTo
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) AS begins
        FROM otel_logs WHERE StreamId IN {ids:Array(String)} AND StreamFrom < StreamTo
    )
)
GROUP BY StreamId, run
"""


def stored_offsets(store: Store, topic: str, partition: int, topic_id: str, from_offset: int) -> IntervalSet:
    """Offsets from `from_offset` on that the store has. Raises QueryError."""
    parameters = {"topic": topic, "topic_id": topic_id, "partition": partition, "from": from_offset}
    return IntervalSet((start, end) for start, end in store.query(_OFFSETS, parameters).rows)


def stored_ranges(store: Store, stream_ids: Collection[str]) -> dict[str, IntervalSet]:
    """Byte ranges that the store has of each stream; an empty set for a stream that it does not know. Raises
    QueryError."""
    found = {stream_id: IntervalSet() for stream_id in stream_ids}
    if found:
        for stream_id, start, end in store.query(_RANGES, {"ids": list(found)}).rows:
            found[stream_id].add(start, end)
    return found
