"""Say which streams have more than one life, once each."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from logpost_web.indexer import metrics
from logpost_web.store.row import Row

MAX_NAMED = 10_000
"""Streams that are remembered as named; above it all of them may be named again."""

log = logging.getLogger("indexer")


class Lives:
    def __init__(self) -> None:
        self._named: set[str] = set()

    def tell(self, conflicts: Iterable[Row]) -> None:
        """Count rows whose bytes were known with other content, and name their streams."""
        for row in conflicts:
            metrics.CONFLICTS.inc()
            if row.stream_id in self._named:
                continue
            if len(self._named) >= MAX_NAMED:
                self._named.clear()
            self._named.add(row.stream_id)
            log.warning(
                "%r on host %r: other lines than those indexed before stand at bytes %d to %d of stream %r. Was the "
                "host set back to a snapshot, or does a clone of it run? All lines are indexed",
                row.file or row.service or "a program",
                row.host,
                row.stream_from,
                row.stream_to,
                row.stream_id,
            )
