"""Directories around those of logs, below, above and beside: rotation may leave files there (logrotate's `olddir`)."""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from itertools import islice
from pathlib import Path

from logpost.agent.sources.file.rotation import COMPRESSED, READABLE, originals

MAX_DIRECTORIES = 256
"""Around all logs that were not found, and of so many of their own directories each; further ones are not looked in."""
MAX_FILES = 10_000
"""In each of these directories."""
FEW = 20
"""Logs whose files all begin with their names: more are not looked through for each file."""


def around(homes: Iterable[Path]) -> dict[Path, list[Path]]:
    """Directories where rotation may leave the files of logs that are in `homes`: each with the homes that it is of."""
    found: dict[Path, list[Path]] = {}
    below = cache(_directories_in)  # thousands of homes may be in one directory
    for home in homes:
        for directory in dict.fromkeys((*below(home), home.parent, *below(home.parent))):
            of = found.setdefault(directory, []) if directory in found or len(found) < MAX_DIRECTORIES else None
            if of is not None and directory != home and len(of) < MAX_DIRECTORIES:
                of.append(home)
    return found


class Around:
    """What is there now of logs whose files have gone from where they were."""

    def __init__(self, logs: Iterable[Path], inodes: Container[int]) -> None:
        """`inodes`: of their files."""
        self._inodes = inodes
        self._of_inode: dict[int, list[Path]] = {}
        self._made_of: dict[str, list[Path]] = {}
        self._packed_of: dict[str, list[Path]] = {}
        self._logs = {str(log) for log in logs}
        names = [Path(log) for log in self._logs]
        self._names = {name.name for name in names}
        stems = {name.stem for name in names}
        self._openings = tuple(stems) if len(stems) <= FEW else ("",)
        for directory, homes in around(sorted({name.parent for name in names})).items():
            self._list(directory, homes)

    def copies(self, logs: Iterable[Path], inode: int) -> Iterator[Path]:
        """What this file may be called by now, and copies that rotation may have made of `logs`: likeliest first."""
        yield from self._of_inode.get(inode, ())
        for log in logs:
            yield from self._made_of.get(str(log), ())

    def packed_copies(self, logs: Iterable[Path]) -> list[Path]:
        """Compressed files that rotation may have made of `logs`."""
        return [path for log in logs for path in self._packed_of.get(str(log), ())]

    def _list(self, directory: Path, homes: Sequence[Path]) -> None:
        with suppress(OSError), os.scandir(directory) as entries:
            for entry in islice(entries, MAX_FILES):
                if entry.inode() in self._inodes:
                    self._of_inode.setdefault(entry.inode(), []).append(Path(entry.path))
                if entry.name.startswith(self._openings):
                    self._add(entry, homes)

    def _add(self, entry: os.DirEntry[str], homes: Sequence[Path]) -> None:
        is_packed = entry.name.endswith(COMPRESSED)
        if is_packed and not entry.name.endswith(READABLE):
            return
        made_of = [name for name in (entry.name, *originals(entry.name)) if name in self._names]
        found = self._packed_of if is_packed else self._made_of
        for log in (str(home / name) for home in homes for name in made_of):
            if log in self._logs:
                found.setdefault(log, []).append(Path(entry.path))


def _directories_in(directory: Path) -> list[Path]:
    """Also where links lead: what is rotated to another file system may be linked."""
    found = []
    with suppress(OSError), os.scandir(directory) as entries:
        for entry in islice(entries, MAX_FILES):
            with suppress(OSError):
                if entry.is_dir():
                    found.append(Path(entry.path))
    return sorted(found)[:MAX_DIRECTORIES]
