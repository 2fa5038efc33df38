"""Rows that are in the table more than once: somebody copied a part, or put an older one beside what replaced it."""

from __future__ import annotations

from logpost_web.store.manifest_table import WITHIN, ChunkKey, within
from logpost_web.store.schema import TABLE
from logpost_web.store.store import Store


def count(store: Store, chunk: ChunkKey, size: int) -> int:
    """Of the rows of a chunk of `size` offsets, those whose offset another one has. Raises QueryError."""
    topic, topic_id, partition, number = chunk
    found = store.query(
        f"SELECT count() - uniqExact(Offset) FROM {TABLE} WHERE {WITHIN}",
        within(topic, topic_id, partition, number * size, (number + 1) * size),
    )
    return int(found.rows[0][0])


def drop(store: Store, chunk: ChunkKey, size: int) -> None:
    """Of rows that are the same one is kept. Raises QueryError."""
    topic, topic_id, partition, number = chunk
    store.command(
        f"DELETE FROM {TABLE} WHERE {WITHIN} AND (_part, _part_offset) IN ("
        f"SELECT _part, _part_offset FROM {TABLE} WHERE {WITHIN} QUALIFY row_number() OVER ("
        "PARTITION BY Offset, Timestamp, sipHash128(Body) ORDER BY _part, _part_offset) > 1)",
        within(topic, topic_id, partition, number * size, (number + 1) * size),
    )
