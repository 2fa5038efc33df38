"""Where a log has other records than those that are stored: a broker was put back, and another life of the partition
begins there. If the store has the log's records of an earlier life, it is that one again.
"""

from __future__ import annotations

import hashlib
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from logpost_web.indexer import metrics
from logpost_web.indexer.limits import UNLIMITED
from logpost_web.indexer.manifest import ENDLESS, Last, Manifest
from logpost_web.indexer.planner import PartitionKey
from logpost_web.indexer.probe import Probe, mark
from logpost_web.indexer.reading import Bounds
from logpost_web.indexer.received import Received
from logpost_web.indexer.row import Position, row_time_ns, to_row
from logpost_web.store import manifest_table, rebuild
from logpost_web.store.schema import BEFORE, TABLE
from logpost_web.store.store import Store

COMPARED_ROWS = 2000
"""Rows that are compared with their records at a time."""

Counted = Mapping[manifest_table.ChunkKey, tuple[int, int]]
"""Rows of each chunk, and the highest offset."""

log = logging.getLogger("indexer")


def begin_lives(
    store: Store,
    probe: Probe,
    manifests: Mapping[PartitionKey, Manifest],
    counted: Counted,
    bounds: Mapping[PartitionKey, Bounds],
) -> None:
    """Where a log has other records than those that are stored, a life begins. Raises QueryError, KafkaException."""
    before = [BEFORE] if rebuild.is_running(store) else []
    ends: dict[tuple[PartitionKey, str], int] = defaultdict(int)
    for (topic, topic_id, partition, _), (_, highest) in counted.items():
        place = ((topic, partition), topic_id)
        ends[place] = max(ends[place], highest + 1)
    while manifests:
        certain = _certain(probe, manifests, bounds)
        again = {}
        for key, manifest in manifests.items():
            compare = _Comparison(store, probe, manifest.key, bounds[key])
            offset, is_other = certain[key]
            start = max(offset, bounds[key].start)
            is_other &= manifest.known_end > start
            spans = manifest.spans(start)
            has_more = manifest.known_end > 0 and any(ends[key, topic_id] > at for topic_id, at, _ in spans)
            # Rows of before may differ for other reasons: they are looked at where the log is known to be another one.
            tables = [TABLE, *before] if is_other else [TABLE] if has_more else []
            begin = _divergence([compare.rows(one, spans, start) for one in tables], is_other)
            at = start if begin is None else begin
            has_earlier = [one for one in manifest.earlier_ids(at) if before or ends[key, one] > at]
            earlier = compare.lives([TABLE, *before], has_earlier, at)
            if begin is not None or earlier:
                _begin_life(manifest, at, earlier)
            if earlier:
                again[key] = manifest  # and it may end before the log does
        manifests = again


def _begin_life(manifest: Manifest, begin: int, earlier: str) -> None:
    manifest.begin_life(begin, earlier)
    metrics.LIVES.inc()
    if earlier:
        log.warning(
            "%s-%d: from offset %d on the topic has again the records that it had before it was put back: "
            "they are indexed already",
            *manifest.key,
            begin,
        )
    else:
        log.warning(
            "%s-%d: the topic is older than the store and goes on otherwise from offset %d: "
            "its new records are indexed beside those that the store has of these offsets",
            *manifest.key,
            begin,
        )


def _certain(
    probe: Probe, manifests: Mapping[PartitionKey, Manifest], bounds: Mapping[PartitionKey, Bounds]
) -> dict[PartitionKey, tuple[int, bool]]:
    """For each partition an offset below which the log is the one that is stored, because the last record of a chunk is
    the same, and so is everything before it; and whether it is another one behind that for certain."""
    marks = {
        key: [one for one in manifest.marks() if one.offset >= bounds[key].start] for key, manifest in manifests.items()
    }
    asked = {key: found[-1] for key, found in marks.items() if found and found[-1].offset < bounds[key].end}
    answers = probe.at({key: last.offset for key, last in asked.items()})
    certain = {}
    for key, manifest in manifests.items():
        found, known_end, log_end = marks[key], manifest.known_end, bounds[key].end
        if key in asked and _is_same(answers.get(key), asked[key]):
            certain[key] = min(known_end, log_end), known_end > log_end
        elif found:
            certain[key] = _last_same(probe, key, found, log_end), True
        elif manifest.marks() and known_end <= log_end:
            certain[key] = known_end, False  # nothing is left by which to tell
        else:
            certain[key] = 0, known_end > log_end
    return certain


def _is_same(record: Received | None, last: Last) -> bool:
    """A record that compaction took says nothing against it."""
    return record is None or mark(record) == last.mark


def _last_same(probe: Probe, key: PartitionKey, marks: list[Last], log_end: int) -> int:
    """The offset behind the last of `marks` that is the log's, 0 when none is."""
    low, high = 0, len(marks)
    while low < high:
        middle = (low + high) // 2
        last = marks[middle]
        same = last.offset < log_end and _is_same(probe.at({key: last.offset}).get(key), last)
        low, high = (middle + 1, high) if same else (low, middle)
    return marks[low - 1].offset + 1 if low else 0


def _divergence(compared: Sequence[tuple[int, bool]], is_other: bool) -> int | None:
    """Where the log goes on otherwise than what tables have, None where it does not. `compared`: of each table, as
    `_Comparison.rows` returns it. `is_other`: whether it does for certain, whatever rows are left."""
    others = [offset for offset, has_other in compared if has_other]
    if others or not is_other:
        return min(others, default=None)
    return max(offset for offset, _ in compared)


class _Comparison:
    """Of the rows of one partition with what its log has."""

    def __init__(self, store: Store, probe: Probe, key: PartitionKey, bounds: Bounds) -> None:
        self._store = store
        self._probe = probe
        self._key = key
        self._bounds = bounds

    def rows(self, table: str, spans: Iterable[tuple[str, int, int]], start: int) -> tuple[int, bool]:
        """From `start` on, up to which offset the log has the records of the rows of `table`, and whether it has
        another one behind it, or none. `spans`: of ids, as of `Manifest.spans`."""
        same_below = start
        for topic_id, begin, end in spans:
            at = begin
            while stored := self._stored(table, topic_id, at, end):
                at = stored[-1][0] + 1
                records = self._probe.span(self._key, stored[0][0], min(at, self._bounds.end))
                for offset, content in stored:
                    record = records.get(offset)
                    if offset >= self._bounds.end or (record is not None and not self._is_content(record, content)):
                        return same_below, True
                    if record is not None:
                        same_below = offset + 1
        return same_below, False

    def lives(self, tables: Sequence[str], topic_ids: Sequence[str], start: int) -> str:
        """Under which of these ids the log's records from `start` on are stored, most of them; empty for none."""
        found = {
            topic_id: max(self.rows(table, [(topic_id, start, ENDLESS)], start)[0] for table in tables)
            for topic_id in topic_ids
            if start < self._bounds.end
        }
        best = max(found, key=found.__getitem__, default="")
        return best if best and found[best] > start else ""

    def _stored(self, table: str, topic_id: str, start: int, end: int) -> list[tuple[int, tuple[int, str, str, int]]]:
        return manifest_table.contents(self._store, table, *self._key, topic_id, start, end, COMPARED_ROWS)

    def _is_content(self, record: Received, content: tuple[int, str, str, int]) -> bool:
        place = (*record.partition, self._bounds.topic_id, record.offset, record.timestamp_ns, record.size)
        row = to_row(record.value, Position(*place), 0, UNLIMITED)
        body = hashlib.md5(row.message.encode(), usedforsecurity=False).hexdigest()
        ns = row_time_ns(row) if record.has_time else content[0]
        return (ns, body, row.stream_id, row.stream_from) == content
