"""What the store takes of its disk, whether that is this box's or a server's."""

from __future__ import annotations

import logging
import time
from typing import NamedTuple

from logpost.units import share_or_size
from logpost_web.indexer import metrics
from logpost_web.retention.plan import FULL
from logpost_web.store import frozen, retained
from logpost_web.store.disk import FileSystem, allocated, file_system, of_server
from logpost_web.store.store import Store

PAUSE, FAR_PAUSE = 20, 100
"""All files are looked at for what they take; the pause after it is so many times as long, and the second number while
there is room."""
NEAR = 0.9
"""Of `store.max_bytes`: above, there is not much room."""

log = logging.getLogger("retention")


class Measured(NamedTuple):
    """In bytes."""

    disk: FileSystem
    max_bytes: int
    store_bytes: int
    passing_bytes: int


class Measuring:
    """Used by the indexer's thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._next = float("-inf")
        self._allocated = self._of_files = self._passing = 0

    def soon(self) -> None:
        """Something went: look at all files at the next call."""
        self._next = float("-inf")

    def look(self, now: float, of_files: int, topics_bytes: int, limit: str | int) -> Measured:
        """`of_files`: bytes of the files of all rows; `limit`: `store.max_bytes`. Raises QueryError, OSError."""
        if not self._store.is_embedded:
            disk, taken = of_server(self._store)
            metrics.STORE_FREE_BYTES.set(disk.free)
            return Measured(disk, share_or_size(limit, disk.size), taken, retained.passing_bytes(self._store))
        disk = file_system(self._store.place)
        metrics.STORE_FREE_BYTES.set(disk.free)
        max_bytes = share_or_size(limit, disk.size)
        if now >= self._next:
            began = time.monotonic()
            # First, and kept with the other: what goes meanwhile is no reason to drop rows.
            self._passing = retained.passing_bytes(self._store)
            self._allocated = self._of_directory(disk)
            self._of_files = of_files
            took = time.monotonic() - began
            is_near = self._allocated + topics_bytes > NEAR * max_bytes
            self._next = now + took * (PAUSE if is_near else FAR_PAUSE)
        return Measured(disk, max_bytes, max(self._allocated + of_files - self._of_files, 0), self._passing)

    def _of_directory(self, disk: FileSystem) -> int:
        place, directory = self._store.place, self._store.directory
        held = frozen.held_bytes(self._store)
        if held and disk.share >= FULL:
            log.warning("the disk is full: a backup that keeps %d bytes of what is gone is ended", held)
            frozen.release(self._store)
            held = 0
        # What a backup keeps goes with it: to drop more rows would make no room.
        return (allocated(directory) if place.is_relative_to(directory) else allocated(place)) - held
