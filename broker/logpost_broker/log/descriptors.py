"""Which files of the log are open: ten thousand partitions have three files a segment, and a process has fewer
descriptors. The least recently used are given back, and opened again when they are read or written."""

from __future__ import annotations

import resource
from collections import OrderedDict
from typing import Protocol

DEFAULT_SHARE = 0.5
"""Of the descriptors that the process may have; the others are for connections and for syncs that run."""


class Releasable(Protocol):
    """An open file that can be opened again."""

    @property
    def must_stay_open(self) -> bool:
        """Linux tells of a failed write-back only those who had the file open: one with unsynced bytes stays."""

    def release(self) -> None: ...


class Descriptors:
    """All calls come from the event loop."""

    def __init__(self, limit: int | None = None) -> None:
        """At most `limit` files are open, except those that must stay so; default: a share of the process's own
        limit, as it is when the first file is opened."""
        self._limit = limit
        self._used: OrderedDict[Releasable, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._used)

    @property
    def limit(self) -> int:
        if self._limit is None:
            self._limit = int(resource.getrlimit(resource.RLIMIT_NOFILE)[0] * DEFAULT_SHARE)
        return self._limit

    def used(self, file: Releasable) -> None:
        self._used[file] = None
        self._used.move_to_end(file)

    def closed(self, file: Releasable) -> None:
        self._used.pop(file, None)

    def make_room(self) -> None:
        """For one more."""
        for _ in range(len(self._used) + 1 - self.limit):
            file, _ = self._used.popitem(last=False)
            if file.must_stay_open:
                self._used[file] = None
            else:
                file.release()
