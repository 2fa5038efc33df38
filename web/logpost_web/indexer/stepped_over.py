"""What was stepped over: said once, counted, kept in the store, told in every answer."""

from __future__ import annotations

import logging

from logpost_web.indexer import metrics
from logpost_web.indexer.planner import PartitionKey
from logpost_web.indexer.progress import SteppedOver
from logpost_web.store import stepped_over_table
from logpost_web.store.stepped_over_table import MAX_LINES, Line
from logpost_web.store.store import Store

log = logging.getLogger("indexer")


class SteppedOverRecords:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._lines: dict[tuple[str, str, int, int], Line] = {}
        self._unsaved: dict[tuple[str, str, int, int], Line] = {}
        self._is_loaded = False

    def load(self) -> None:
        """What an earlier run stepped over. Later calls look for what the store has lost since: `save` writes it again.
        Raises QueryError."""
        stored = {_place(line): line for line in stepped_over_table.read(self._store)}
        if self._is_loaded:
            self._unsaved |= {place: line for place, line in self._lines.items() if stored.get(place) != line}
        else:
            self._lines = stored | self._lines
            self._is_loaded = True

    def add(self, key: PartitionKey, topic_id: str, start: int, end: int, reason: str) -> None:
        """Offsets [start, end) are not indexed. Durable after `save`."""
        line = Line(key[0], topic_id, key[1], start, end, reason)
        if self._lines.get(_place(line)) == line:
            return  # as before a restart
        metrics.STEPPED_OVER.inc(end - start)
        log.error("%s-%d: offsets %d to %d are not indexed: %s", *key, start, end - 1, reason)
        before = next(reversed(self._lines.values()), None)
        if before is not None and _goes_on(before, line):
            line = Line(before.topic, before.topic_id, before.partition, before.start, end, reason)
        self._lines.pop(_place(line), None)
        self._lines[_place(line)] = self._unsaved[_place(line)] = line
        while len(self._lines) > MAX_LINES:
            del self._lines[next(iter(self._lines))]

    def save(self) -> None:
        """Raises QueryError; it is then to be called again."""
        if self._unsaved:
            stepped_over_table.write(self._store, list(self._unsaved.values()))
            self._unsaved.clear()

    def all(self) -> tuple[SteppedOver, ...]:
        return tuple(
            SteppedOver(topic=line.topic, partition=line.partition, start=line.start, end=line.end, reason=line.reason)
            for line in self._lines.values()
        )


def _place(line: Line) -> tuple[str, str, int, int]:
    return line.topic, line.topic_id, line.partition, line.start


def _goes_on(before: Line, line: Line) -> bool:
    """Many that lie side by side are one."""
    return (before.topic, before.topic_id, before.partition, before.end, before.reason) == (
        line.topic,
        line.topic_id,
        line.partition,
        line.start,
        line.reason,
    )
