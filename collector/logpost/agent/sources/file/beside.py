"""The files of one directory, by what finds a log in it again after it was rotated."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from logpost.agent.sources.file.rotation import COMPRESSED, READABLE, originals

MAX_UNNAMED_FILES = 256
"""In a directory with more files, only those are taken for copies of a log whose names say so."""
SETTLED_NS = 50_000_000
"""What comes within this time after the last change of a directory may leave its time as it is."""


class Beside:
    """What was there when it was listed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        last_ns = changed_ns(directory)
        self._changed_ns = last_ns if time.time_ns() - last_ns > SETTLED_NS else None
        self._names: dict[int, list[Path]] = {}
        self._made_of: dict[str, list[Path]] = {}
        self._packed_of: dict[str, list[Path]] = {}
        self._all: list[Path] = []
        for name, inode in listed(directory):
            path = directory / name
            self._names.setdefault(inode, []).append(path)
            if not name.endswith(COMPRESSED):
                self._all.append(path)
                _add_made_of(self._made_of, path)
            elif name.endswith(READABLE):
                _add_made_of(self._packed_of, path)

    @property
    def has_changed(self) -> bool:
        """Files may have come or gone since."""
        return self._changed_ns is None or self._changed_ns != changed_ns(self._directory)

    def of_inode(self, inode: int) -> list[Path]:
        """The names of this file."""
        return self._names.get(inode, [])

    def copies(self, logs: Iterable[Path]) -> Iterator[Path]:
        """Files that copying may have made of `logs`, the likeliest first."""
        for log in logs:
            yield from self._made_of.get(str(log), ())
        if len(self._all) <= MAX_UNNAMED_FILES:
            yield from self._all

    def packed_copies(self, logs: Iterable[Path]) -> list[Path]:
        """Compressed files that rotation may have made of `logs`."""
        return list(dict.fromkeys(path for log in logs for path in self._packed_of.get(str(log), ())))


class Listings:
    """Directories, each listed once."""

    def __init__(self) -> None:
        self._listed: dict[Path, Beside] = {}

    def of(self, directory: Path) -> Beside:
        if directory not in self._listed:
            self._listed[directory] = Beside(directory)
        return self._listed[directory]

    def forget(self) -> None:
        """List all again."""
        self._listed.clear()

    def renew(self, directories: Iterable[Path]) -> bool:
        """Forget those of the directories that have changed since they were listed; returns whether any has."""
        changed = [directory for directory in directories if self.of(directory).has_changed]
        for directory in changed:
            del self._listed[directory]
        return bool(changed)


def _add_made_of(made_of: dict[str, list[Path]], path: Path) -> None:
    for original in originals(str(path)):
        made_of.setdefault(original, []).append(path)


def changed_ns(directory: Path | str) -> int:
    """When files came or went last, by the file system's clock; 0 for a directory that is gone."""
    try:
        return os.stat(directory).st_mtime_ns  # noqa: PTH116 - for every directory, every second
    except OSError:
        return 0


def listed(directory: Path | str) -> list[tuple[str, int]]:
    """(name, inode)."""
    try:
        with os.scandir(directory) as entries:
            return sorted((entry.name, entry.inode()) for entry in entries)
    except OSError:
        return []  # the directory went with its files
