"""The files of one directory, by what finds a log in it again after it was rotated."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from logpost.agent.rotation import COMPRESSED, originals

MAX_UNNAMED_FILES = 256
"""In a directory with more files, only those are taken for copies of a log whose names say so."""


class Beside:
    """What was there when it was listed."""

    def __init__(self, directory: Path) -> None:
        self._names: dict[int, list[Path]] = {}
        self._made_of: dict[str, list[Path]] = {}
        self._all: list[Path] = []
        for name, inode in _listed(directory):
            path = directory / name
            self._names.setdefault(inode, []).append(path)
            if not name.endswith(COMPRESSED):
                self._all.append(path)
                for original in originals(str(path)):
                    self._made_of.setdefault(original, []).append(path)

    def of_inode(self, inode: int) -> list[Path]:
        """The names of this file."""
        return self._names.get(inode, [])

    def copies(self, logs: Iterable[Path]) -> Iterator[Path]:
        """Files that copying may have made of `logs`, the likeliest first."""
        for log in logs:
            yield from self._made_of.get(str(log), ())
        if len(self._all) <= MAX_UNNAMED_FILES:
            yield from self._all


class Listings:
    """Directories, each listed once."""

    def __init__(self) -> None:
        self._listed: dict[Path, Beside] = {}

    def of(self, directory: Path) -> Beside:
        if directory not in self._listed:
            self._listed[directory] = Beside(directory)
        return self._listed[directory]


def _listed(directory: Path) -> list[tuple[str, int]]:
    try:
        with os.scandir(directory) as entries:
            return sorted((entry.name, entry.inode()) for entry in entries)
    except OSError:
        return []  # the directory went with its files
