"""Dropping rows so that the store's account of itself knows it.

Before rows go, it is written down which, and how many of each chunk. Killed at any step, or when the engine fails
halfway, those that are not there any more are counted out: a row that was dropped is never taken for one that was lost,
and is not read from the topic again.
"""

from __future__ import annotations

import logging
from functools import partial

import msgspec

from logpost.query.errors import QuerySyntaxError
from logpost_web.indexer.account import Account
from logpost_web.indexer.manifest import dropped
from logpost_web.indexer.retention_memory import MemoryFile, Pending
from logpost_web.store import manifest_table, retained
from logpost_web.store.errors import QueryError
from logpost_web.store.manifest_table import Chunk, ChunkKey
from logpost_web.store.retained import Chosen, Counted
from logpost_web.store.room import with_reserve
from logpost_web.store.store import Store

log = logging.getLogger("retention")


class Dropping:
    """Used by the indexer's thread. Methods raise QueryError."""

    def __init__(self, store: Store, account: Account, file: MemoryFile) -> None:
        self._store = store
        self._account = account
        self._file = file
        self._place = store.place if store.is_embedded else None

    def drop(self, chosen: Chosen, counted: Counted) -> None:
        """`counted`: its rows now."""
        self._account.stepped_over.save()
        lines = {line.key: line for line in manifest_table.read(self._store) if line.key in counted.chunks}
        lines |= {line.key: line for line in self._account.lines(counted.chunks)}
        chunks = [(line, counted.chunks[key]) for key, line in lines.items()]
        self._file.memory.pending = Pending(*chosen[:4], chunks, chosen.partitions)
        self._save()
        try:
            with_reserve(self._place, partial(retained.drop, self._store, chosen), QueryError)
        finally:
            self.settle()

    def settle(self) -> None:
        """Count out what is not there any more of what was to be dropped; nothing where that is done. To be called
        before anything else is accounted for."""
        pending = self._file.memory.pending
        if pending is None:
            return
        retained.end_drops(self._store)
        gone = self._gone(pending)
        lines = [_without(line, gone[line.key]) for line, _ in pending.chunks]
        manifest_table.write(self._store, lines)
        self._account.drop(gone)
        self._file.memory.pending = None
        self._save()

    def _gone(self, pending: Pending) -> dict[ChunkKey, int]:
        """Rows of each chunk that were to go and are not there any more."""
        try:
            left = retained.count(self._store, pending.chosen).chunks
        except QuerySyntaxError as error:
            log.warning(
                "rows were being dropped by the query %r, which this release cannot read (%s): what their chunks have"
                " no more is counted out",
                pending.query,
                error,
            )
            # Nothing was inserted since: what a chunk has fewer than it had was dropped.
            return {line.key: min(max(line.rows - self._rows(line), 0), rows) for line, rows in pending.chunks}
        return {line.key: rows - left.get(line.key, 0) for line, rows in pending.chunks}

    def _rows(self, line: Chunk) -> int:
        place = (line.topic, line.topic_id, line.partition)
        return manifest_table.count_offsets(self._store, *place, line.start, line.end)

    def _save(self) -> None:
        try:
            self._file.save()
        except OSError as error:
            raise QueryError(f"cannot write down what is to be dropped: {error.strerror}") from error


def _without(line: Chunk, rows: int) -> Chunk:
    after = msgspec.structs.replace(line)
    dropped(after, rows)
    return after
