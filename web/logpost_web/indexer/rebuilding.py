"""A store that is rebuilt: what the topics no longer have is copied, and accounted for like what was read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from logpost_web.indexer import metrics
from logpost_web.indexer.manifest import Manifest, kafka_id
from logpost_web.indexer.planner import PartitionKey
from logpost_web.indexer.reading import Bounds
from logpost_web.store import manifest_table, rebuild
from logpost_web.store.errors import QueryError
from logpost_web.store.manifest_table import CHUNK, Chunk
from logpost_web.store.rebuild import NOTHING_PAST, Past
from logpost_web.store.schema import BEFORE, TABLE
from logpost_web.store.store import Store

FREED_CHUNKS = 16
"""Room is freed when so many were copied."""
FREE_SECONDS = 30.0

log = logging.getLogger("indexer")


class Freeing:
    """Gives the room of rows of before back that are filled again, while the rest is."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._next = float("-inf")

    def step(self) -> None:
        """Now and then. What fails is tried again."""
        if self._clock() < self._next:
            return
        try:
            if rebuild.is_running(self._store) and (units := rebuild.forget_filled(self._store)):
                log.info("filled again: the room of %d units of the rows of before is free", units)
        except QueryError as error:
            log.warning("the room of rows of before is not freed yet: %s", error)
        self._next = self._clock() + FREE_SECONDS


def copy_first(
    store: Store,
    manifests: Mapping[PartitionKey, Manifest],
    bounds: Mapping[PartitionKey, Bounds],
    past: Past = NOTHING_PAST,
) -> None:
    """Copy the rows that the topics no longer have: before the rest is read, so that lines that were sent twice are
    recognised. Raises QueryError."""
    copied = 0
    for chunk, (_, highest) in manifest_table.count_rows(store, CHUNK, BEFORE).items():
        topic, topic_id, partition, number = chunk
        key = (topic, partition)
        if key not in bounds or bounds[key].topic_id != kafka_id(topic_id):
            continue
        start, end = number * CHUNK, min(bounds[key].start, (number + 1) * CHUNK, highest + 1)
        if start < end and not manifests[key].taken.covers(start, end):
            rows = rebuild.copy(store, chunk, CHUNK, end, past=past)
            manifests[key].take(start, end, {(topic_id, number): rows}, None)
            copied += 1
            if copied % FREED_CHUNKS == 0:
                rebuild.forget_filled(store)


def copy_rest(store: Store, past: Past = NOTHING_PAST) -> int:
    """All was read that the topics have: copy the rows that they did not give, write to the manifest what the table has
    then, and forget the rows of before. Those that are `past` are not lost. Returns how many rows were copied. After a
    crash, call it again. Raises QueryError."""
    lines = {line.key: line for line in manifest_table.read(store)}
    now = rebuild.offsets(store, TABLE, CHUNK)
    copied = 0
    for place, before in rebuild.offsets(store, BEFORE, CHUNK).items():
        line = lines.setdefault(place, Chunk(*place, before.first, before.first))
        if now.get(place) != before or line.rows != before.rows:
            line.start, line.end = min(line.start, before.first), max(line.end, before.last + 1)
            found = _count(store, line)
            rebuild.copy(store, place, CHUNK, line.end, past=past)
            expected = max(line.lacks, line.rows + line.lost) - rebuild.count_past(store, place, CHUNK, past)
            line.rows = _count(store, line)
            line.lacks = max(expected, line.rows)
            copied += line.rows - found
    changed = [line for line in lines.values() if line.lacks]
    for line in changed:
        _settle(line)
    if changed:
        manifest_table.write(store, changed)
    rebuild.end(store)
    return copied


def _count(store: Store, line: Chunk) -> int:
    return manifest_table.count_offsets(store, line.topic, line.topic_id, line.partition, line.start, line.end)


def _settle(line: Chunk) -> None:
    """What neither the topic nor the rows of before had is lost."""
    lost = max(line.lacks - line.rows, 0)
    if lost > line.lost:
        say_lost((line.topic, line.partition), lost - line.lost)
    line.lost, line.lacks, line.version = lost, 0, line.version + 1


def say_lost(key: PartitionKey, rows: int) -> None:
    metrics.STORE_LOST.inc(rows)
    log.error("%s-%d: %d rows that the store had are in the topic no more: they are lost", *key, rows)
