"""Say which streams have more than one life, once each."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from logpost.said_once import SaidOnce
from logpost_web.indexer import metrics
from logpost_web.store.row import Row

MAX_NAMED = 10_000
"""Streams; of more none is named."""

log = logging.getLogger("indexer")


class Lives:
    def __init__(self) -> None:
        self._said = SaidOnce(log, MAX_NAMED)

    def tell(self, conflicts: Iterable[Row]) -> None:
        """Count rows whose bytes were known with other content, and name their streams."""
        for row in conflicts:
            metrics.CONFLICTS.inc()
            self._said.warn(
                row.stream_id,
                "%r on host %r: other lines than those indexed before stand at bytes %d to %d of stream %r. Was the "
                "host set back to a snapshot, or does a clone of it run? All lines are indexed",
                row.file or row.service or "a program",
                row.host,
                row.stream_from,
                row.stream_to,
                row.stream_id,
            )
