"""A store that is rebuilt: what the topics no longer have is copied, and accounted for like what was read."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from logpost_web.indexer import metrics
from logpost_web.indexer.manifest import CHUNK, Chunk, Manifest, kafka_id
from logpost_web.indexer.planner import PartitionKey
from logpost_web.indexer.reading import Bounds
from logpost_web.store import manifest_table, rebuild
from logpost_web.store.manifest_table import ChunkKey
from logpost_web.store.schema import BEFORE, TABLE
from logpost_web.store.store import Store

log = logging.getLogger("indexer")


def copy_first(store: Store, manifests: Mapping[PartitionKey, Manifest], bounds: Mapping[PartitionKey, Bounds]) -> None:
    """Copy the rows that the topics have no more: before the rest is read, so that lines that were sent twice are
    recognised. Raises QueryError."""
    for chunk, (_, highest) in manifest_table.count_rows(store, CHUNK, BEFORE).items():
        topic, topic_id, partition, number = chunk
        key = (topic, partition)
        if key not in bounds or bounds[key].topic_id != kafka_id(topic_id):
            continue
        start, end = number * CHUNK, min(bounds[key].start, (number + 1) * CHUNK, highest + 1)
        if start < end and not manifests[key].taken.covers(start, end):
            rows = rebuild.copy(store, chunk, CHUNK, end)
            manifests[key].take(start, end, {(topic_id, number): rows}, None)


def copy_rest(store: Store) -> int:
    """All was read that the topics have: copy the rows that they did not give, write to the manifest what the table has
    then, and forget the rows of before. Returns how many rows were copied. Killed, it is to be called again. Raises
    QueryError."""
    lines = {_place(line): line for line in (Chunk(*values) for values in manifest_table.read(store))}
    now = rebuild.offsets(store, TABLE, CHUNK)
    copied = 0
    for place, before in rebuild.offsets(store, BEFORE, CHUNK).items():
        line = lines.setdefault(place, Chunk(*place, before.first, before.first))
        if now.get(place) != before or line.Rows != before.rows:
            line.Start, line.End = min(line.Start, before.first), max(line.End, before.last + 1)
            found = _count(store, line)
            rebuild.copy(store, place, CHUNK, line.End)
            expected = max(line.Lacks, line.Rows + line.Lost)
            line.Rows = _count(store, line)
            line.Lacks = max(expected, line.Rows)
            copied += line.Rows - found
    changed = [line for line in lines.values() if line.Lacks]
    for line in changed:
        _settle(line)
    if changed:
        manifest_table.write(store, changed)
    rebuild.end(store)
    return copied


def _place(line: Chunk) -> ChunkKey:
    return line.Topic, line.TopicId, line.Partition, line.Chunk


def _count(store: Store, line: Chunk) -> int:
    return manifest_table.count_offsets(store, line.Topic, line.TopicId, line.Partition, line.Start, line.End)


def _settle(line: Chunk) -> None:
    """What neither the topic nor the rows of before had is lost."""
    lost = max(line.Lacks - line.Rows, 0)
    if lost > line.Lost:
        say_lost((line.Topic, line.Partition), lost - line.Lost)
    line.Lost, line.Lacks, line.Version = lost, 0, line.Version + 1


def say_lost(key: PartitionKey, rows: int) -> None:
    metrics.STORE_LOST.inc(rows)
    log.error("%s-%d: %d rows that the store had are in the topic no more: they are lost", *key, rows)
