"""Where reading begins: the store is compared with its own manifest, and both with the topic.

Three things may have happened while nobody looked. The store was lost, put back, or lost some of its parts: then what
it lacks is read again as far as the topic has it. The broker was put back: then the log has other records at offsets
that are stored, and from there on it is another life of the partition. Or nothing: then it goes on where it was.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from logpost.config import KafkaConfig
from logpost_web.indexer import metrics
from logpost_web.indexer.divergence import Counted, begin_lives
from logpost_web.indexer.manifest import ENDLESS, Manifest, kafka_id
from logpost_web.indexer.planner import PartitionKey
from logpost_web.indexer.probe import Probe
from logpost_web.indexer.reading import Bounds, Reading
from logpost_web.indexer.rebuilding import copy_first, say_lost
from logpost_web.store import doubles, manifest_table, rebuild
from logpost_web.store.manifest_table import CHUNK, Chunk
from logpost_web.store.parts import broken_aside
from logpost_web.store.rebuild import NOTHING_PAST, Past
from logpost_web.store.schema import STEPPED_OVER
from logpost_web.store.store import Store

log = logging.getLogger("indexer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """How each partition is read on. `newly_lost`: rows that were found to be gone for good; `lost`: with those that
    were lost before, of topics that are no more, too."""

    readings: dict[PartitionKey, Reading]
    newly_lost: int
    lost: int


def begin(
    store: Store,
    config: KafkaConfig,
    bounds: Mapping[PartitionKey, Bounds],
    topic_ids: Callable[[Collection[str]], Mapping[str, str]],
    past: Past = NOTHING_PAST,
) -> Begun:
    """`topic_ids`: Kafka's ids of topics now, empty for those that are no more; `past`: rows of before that do not come
    again. Writes to the store what it found.
    Raises QueryError, KafkaException."""
    chunks = _chunks(store)
    manifests = {key: Manifest(*key, one.topic_id, chunks.pop((key, one.topic_id), [])) for key, one in bounds.items()}
    ids = topic_ids(sorted({topic for (topic, _), _ in chunks}))
    gone: list[Manifest] = []
    apart: list[Manifest] = []
    for (key, topic_id), found in chunks.items():
        # Nothing can be read again of a topic that was deleted, and perhaps made again since.
        (apart if ids[key[0]] == topic_id else gone).append(Manifest(*key, topic_id, found))
    if rebuild.is_running(store):
        copy_first(store, manifests, bounds, past)
    counted = manifest_table.count_rows(store, CHUNK)
    if _drop_doubles(store, [*manifests.values(), *gone, *apart], counted):
        counted = manifest_table.count_rows(store, CHUNK)
    newly_lost = sum(_find_losses(store, one, counted, bounds[key].start) for key, one in manifests.items())
    newly_lost += sum(_find_losses(store, one, counted, ENDLESS) for one in gone)
    probe = Probe(config)
    try:
        begin_lives(store, probe, manifests, counted, bounds)
    finally:
        probe.close()
    for manifest in manifests.values():
        for chunk, start, end in manifest.overtaken():
            manifest.leave(
                chunk, manifest_table.count_offsets(store, chunk.topic, chunk.topic_id, chunk.partition, start, end)
            )
    if any(table == STEPPED_OVER for table, _ in broken_aside(store)):
        log.error("a part of %s is damaged: reading the topics again, to find what cannot be read", STEPPED_OVER)
        for key, manifest in manifests.items():
            _read_again(store, manifest, counted, bounds[key].start)
    every = [*manifests.values(), *gone]
    save(store, every)
    return Begun(
        readings={key: Reading(manifest, bounds[key]) for key, manifest in manifests.items()},
        newly_lost=newly_lost,
        lost=sum(one.lost for one in every) + sum(one.lost + _lacking(store, one, counted) for one in apart),
    )


def save(store: Store, manifests: Iterable[Manifest]) -> None:
    """Write what changed. Raises QueryError; it is then to be called again."""
    changed = [chunk for manifest in manifests for chunk in manifest.changes()]
    if changed:
        manifest_table.write(store, changed)
    for manifest in manifests:
        manifest.forget_changes()


def _chunks(store: Store) -> dict[tuple[PartitionKey, str], list[Chunk]]:
    """What the manifest's table has, by partition and Kafka's id of its topic."""
    chunks: dict[tuple[PartitionKey, str], list[Chunk]] = defaultdict(list)
    for chunk in manifest_table.read(store):
        chunks[(chunk.topic, chunk.partition), kafka_id(chunk.topic_id)].append(chunk)
    return chunks


def _find_losses(store: Store, manifest: Manifest, counted: Counted, log_start: int) -> int:
    """Chunks that have fewer rows in the store than the manifest says; returns how many rows are lost for good.
    `log_start`: ENDLESS where the topic is no more."""
    lacking = lost = 0
    for chunk, found, rows in _reduced(store, manifest, counted):
        readable_from = manifest.readable_from(chunk, log_start)
        lacking += chunk.rows - found
        lost += manifest.lose(chunk, _count(store, chunk, readable_from, rows), readable_from)
    if lacking:
        metrics.STORE_LACKS.inc(lacking)
        log.error("%s-%d: the store has lost %d rows: reading again what the topic has of them", *manifest.key, lacking)
    if lost:
        say_lost(manifest.key, lost)
    return lost


def _read_again(store: Store, manifest: Manifest, counted: Counted, log_start: int) -> None:
    """All that the topic has, though its rows are there: they are recognised when they come."""
    for chunk in manifest.chunks():
        readable_from = manifest.readable_from(chunk, log_start)
        if readable_from < chunk.end:
            rows, _ = counted.get(chunk.key, (0, 0))
            manifest.lose(chunk, _count(store, chunk, readable_from, rows), readable_from)


def _drop_doubles(store: Store, manifests: Iterable[Manifest], counted: Counted) -> bool:
    """Chunks that have more rows than the manifest says may have some twice; whether any had."""
    found = 0
    for chunk in (chunk for manifest in manifests for chunk in manifest.chunks()):
        rows, _ = counted.get(chunk.key, (0, 0))
        if rows > chunk.rows and (twice := doubles.count(store, chunk.key, CHUNK)):
            doubles.drop(store, chunk.key, CHUNK)
            found += twice
    if found:
        metrics.DAMAGE.labels("doubles").inc()
        log.error("the store had %d rows more than once: one of each is kept", found)
    return found > 0


def _lacking(store: Store, manifest: Manifest, counted: Counted) -> int:
    """Rows that are lost until the partition, which others read now or nobody, is read here again."""
    return sum(chunk.rows - found for chunk, found, _ in _reduced(store, manifest, counted))


def _reduced(store: Store, manifest: Manifest, counted: Counted) -> Iterator[tuple[Chunk, int, int]]:
    """Chunks that have fewer rows in the store than the manifest says, how many they have, and how many lie at any of
    their offsets."""
    for chunk in manifest.chunks():
        rows, _ = counted.get(chunk.key, (0, 0))
        if rows != chunk.rows and (found := _count(store, chunk, chunk.end, rows)) < chunk.rows:
            yield chunk, found, rows


def _count(store: Store, chunk: Chunk, end: int, rows: int) -> int:
    """Rows of a chunk below `end`, of `rows` that the store has of all its offsets."""
    if not rows:
        return 0
    return manifest_table.count_offsets(store, chunk.topic, chunk.topic_id, chunk.partition, chunk.start, end)
