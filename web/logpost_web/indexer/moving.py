"""Rows of the layout before, moved to this one's a day at a time, while all of them are found."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable

from logpost.said_once import SaidOnce
from logpost_web.indexer import metrics
from logpost_web.store import older
from logpost_web.store.disk import file_system
from logpost_web.store.errors import QueryError
from logpost_web.store.older import Part, Slice
from logpost_web.store.room import release_reserve, reserve
from logpost_web.store.store import Store

TURN_SECONDS = 1.0
"""For so long it copies before rows that came are indexed."""
RETRY_SECONDS = 10.0
REST_SECONDS = 0.5
"""How long searches that come wait for those that run, when a day changes places; else it is tried again."""
LONG_REST_SECONDS = 60.0
TRIES = 20
"""Then they wait for as long as the longest of those may take."""
ROOM = 1.2
"""What a copy takes and what merges of it take, of what is copied."""

log = logging.getLogger("indexer")


class Moving:
    """Used by the indexer's thread, between two blocks; `rows_left` and `error` by any."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        """`clock`: seconds; it never goes back."""
        self._store = store
        self._clock = clock
        self._part: Part | None = None
        self._slices: list[Slice] = []
        self._next = float("-inf")
        self._tries = 0
        self._said = SaidOnce(log)
        self.rows_left = 0
        self.error = ""

    def step(self) -> None:
        """Go on, for about TURN_SECONDS."""
        if not self._store.reads_older or self._clock() < self._next:
            return
        until = self._clock() + TURN_SECONDS
        try:
            while self._store.reads_older and self._go_on() and self._clock() < until:
                pass
        except (QueryError, OSError) as error:
            self._part = None
            self._mend()
            self._stop(f"rows of the layout before cannot be moved, trying again: {error}")

    def _mend(self) -> None:
        """At once: where a day came to its place, and could not be taken from where it was, it is there twice."""
        release_reserve(self._store.place)  # it may have been for want of room
        with contextlib.suppress(QueryError, OSError):
            older.settle_failed(self._store, LONG_REST_SECONDS)

    def _stop(self, why: str) -> None:
        self.error = why
        self._said.error("failure", "%s", why)
        self._next = self._clock() + RETRY_SECONDS

    def _go_on(self) -> bool:
        """Whether there is more to do now. Raises QueryError, OSError."""
        if self._part is None:
            return self._begin()
        if self._slices:
            older.copy(self._store, self._part, self._slices[-1])
            del self._slices[-1]
            return True
        return self._end(self._part)

    def _begin(self) -> bool:
        if not older.settle_failed(self._store, LONG_REST_SECONDS):
            return False
        parts = older.parts(self._store)
        self.rows_left = sum(one.rows for one in parts)
        metrics.OLDER_ROWS.set(self.rows_left)
        if not parts:
            if older.end(self._store, self._patience()):
                log.info("all rows are of this release's layout")
            return False
        disk = file_system(self._store.place)
        kept = reserve(self._store.reserve_bytes, disk.size)
        part = next((one for one in parts if one.bytes * ROOM + kept <= disk.free), None)
        if part is None:
            needed = int(min(one.bytes for one in parts) * ROOM)
            self._stop(
                f"{self.rows_left:,} rows of the layout before are not moved: a day of them needs {needed:,} bytes,"
                f" {disk.free:,} are free, and {kept:,} are kept free (store.disk_reserve): make room; they are found"
                " all the same",
            )
            return False
        self._part, self._slices = part, older.begin(self._store, part)
        self.error = ""
        self._said.over("failure")
        return True

    def _end(self, part: Part) -> bool:
        if not older.is_copied(self._store, part):
            self._part = None  # some of it went meanwhile
            return True
        if not older.take(self._store, self._patience()):
            return False
        self._part, self._tries = None, 0
        log.info("moved %d rows that arrived on %s to this release's layout", part.rows, part.day)
        return True

    def _patience(self) -> float:
        self._tries += 1
        return REST_SECONDS if self._tries < TRIES else LONG_REST_SECONDS
