"""Rotated files that were read to their end and closed: a program that still has one open may write to it again.

The agent looks at them by inode, without a descriptor, until they have not grown for a while.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from logpost.agent.metrics.counts import Counts
from logpost.agent.sources.file.beside import Listings
from logpost.agent.sources.file.file_set import FileSet
from logpost.agent.sources.file.position import FilePosition
from logpost.agent.sources.file.reader import FileId

ROTATED_SECONDS = 3600.0
"""A rotated file that has not grown for this long is not looked at any more, until the next start."""
MAX_ROTATED_FILES = 1000
"""Above it those are let go that have not grown for the longest time."""


@dataclass(slots=True)
class Rotated:
    path: Path
    file_set: FileSet
    position: FilePosition
    looked_at: tuple[int, int]
    """Size and time of the last change."""
    grown_at: float

    @property
    def written_ns(self) -> int:
        """When it was last written to, as far as it was seen."""
        return self.looked_at[1]


class RotatedFiles:
    """Used by one thread. Times are monotonic seconds of the caller."""

    def __init__(self, counts: Counts, *, limit: int = MAX_ROTATED_FILES) -> None:
        self._counts = counts
        self._limit = limit
        self._files: dict[FileId, Rotated] = {}
        self._gone: list[Rotated] = []

    def __len__(self) -> int:
        return len(self._files)

    def __contains__(self, file: FileId) -> bool:
        return file in self._files

    def add(
        self, path: Path, status: os.stat_result, file_set: FileSet, position: FilePosition, grown_at: float
    ) -> None:
        """Look at this file from now on."""
        self._files[FileId.of(status)] = Rotated(path, file_set, position, _look(status), grown_at)
        while len(self._files) > self._limit:
            del self._files[min(self._files, key=lambda file: self._files[file].grown_at)]
            self._counts.rotated_dropped += 1

    def take_gone(self) -> list[Rotated]:
        """Those that `changed` found no more."""
        gone, self._gone = self._gone, []
        return gone

    def changed(self, now: float) -> Iterator[Rotated]:
        """Those that were written to: no longer looked at here. Those that are gone, or rested for long, are let go."""
        moved: list[FileId] = []
        for file, rotated in list(self._files.items()):
            if now - rotated.grown_at >= ROTATED_SECONDS:
                del self._files[file]
            elif (status := _status(rotated.path)) is None or FileId.of(status) != file:
                moved.append(file)
            elif _look(status) != rotated.looked_at:
                del self._files[file]
                yield rotated
        if moved:
            self._follow(moved)

    def _follow(self, moved: Iterable[FileId]) -> None:
        """Rotated again, under another name beside it, where the next look finds it; or gone."""
        listings = Listings()
        for file in moved:
            rotated = self._files[file]
            names = listings.of(rotated.path.parent).of_inode(file.inode)
            if names:
                rotated.path = names[0]
            else:
                self._gone.append(self._files.pop(file))


def _look(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None
