"""Streams whose files are not being read: found again by inode or by content, or forgotten in time."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from logpost.agent.sources.file.fingerprint import HEAD_BYTES, ReadAt, fingerprint_of, identifies_copies, is_same_file
from logpost.agent.sources.file.position import FilePosition
from logpost.agent.sources.file.rotation import is_older, originals

EXPIRY_SECONDS = 30 * 24 * 3600
"""A stream whose file was not seen for this long is forgotten."""


class KnownStreams:
    """Positions by inode. Those of an earlier run also by name and by how their files begin, until they are found."""

    def __init__(self, positions: Iterable[FilePosition]) -> None:
        self._by_id: dict[str, FilePosition] = {}
        self._by_inode: dict[tuple[int, int], list[FilePosition]] = {}
        self._missed: dict[str, FilePosition] = {}
        self._missed_by_name: dict[str, list[FilePosition]] = {}
        self._missed_by_head: dict[str, list[FilePosition]] = {}
        for position in positions:
            self.add(position)
            if not position.packed:
                self._miss(position)

    def _miss(self, position: FilePosition) -> None:
        self._missed[position.id] = position
        for name in position.names:
            self._missed_by_name.setdefault(str(name), []).append(position)
        if identifies_copies(position.fingerprint):
            self._missed_by_head.setdefault(position.fingerprint.head, []).append(position)

    def add(self, position: FilePosition) -> None:
        self._by_id[position.id] = position
        # Several lives of one inode: a file that was truncated, and its life before.
        self._by_inode.setdefault((position.device, position.inode), []).append(position)

    def all(self) -> list[FilePosition]:
        return list(self._by_id.values())

    def forget_expired(self, now_s: int) -> None:
        """Only to be called after a scan: an agent that did not run for long has not seen any file for long."""
        for position in self.all():
            if now_s - position.seen >= EXPIRY_SECONDS:
                self._remove(position)

    def missed(self) -> list[FilePosition]:
        """Streams of an earlier run whose files were not found yet."""
        return list(self._missed.values())

    def misses(self, position: FilePosition) -> bool:
        """It is one of these."""
        return position.id in self._missed

    def has(self, position: FilePosition) -> bool:
        """Its file is not being read."""
        return self._by_id.get(position.id) is position

    @property
    def inode_numbers(self) -> set[int]:
        """Of the files that were read, on any device."""
        return {inode for _, inode in self._by_inode}

    def knows(self, inode: tuple[int, int]) -> bool:
        """A file with this device and inode was read."""
        return inode in self._by_inode

    def take(self, status: os.stat_result, read_at: ReadAt) -> FilePosition | None:
        """The stream of this file, no longer known then: it is being read. `read_at` unpacks a compressed file."""
        for position in self._by_inode.get((status.st_dev, status.st_ino), ()):
            if is_same_file(position.fingerprint, read_at, position.offset):
                self._remove(position)
                return position
        return None

    def has_packed(self, status: os.stat_result) -> bool:
        """The file is a compressed copy that was read to its end."""
        return any(position.packed for position in self._by_inode.get((status.st_dev, status.st_ino), ()))

    @property
    def missed_directories(self) -> set[Path]:
        """Where the files were that were not found."""
        return {name.parent for position in self._missed.values() for name in position.names}

    def take_copy(
        self, path: str, read_at: ReadAt, written_ns: int, *, any_name: bool, is_sure: bool = False
    ) -> FilePosition | None:
        """The stream of an earlier run whose file is gone, and of whose bytes the file at `path` has all that were
        read. Its name is one that rotation makes of the log's; `any_name`: or another, if enough bytes were read to be
        sure of it; `is_sure`: only if so many were read. `written_ns`: when it was last written to, for a copy is not
        older than what it was made of."""
        alike = self._missed_by_head.get(fingerprint_of(read_at(0, HEAD_BYTES), b"").head, []) if any_name else []
        candidates = {
            position.id: position
            for position in (*self._called(path), *alike)
            if position.id in self._missed
            and (not is_sure or identifies_copies(position.fingerprint))
            and not is_older(written_ns, position.written_ns)
            and _begins_alike(position, read_at)
        }
        # What was read furthest first: it has the most bytes to be told by.
        for position in sorted(candidates.values(), key=_furthest_first):
            if is_same_file(position.fingerprint, read_at, position.offset):
                self._remove(position)
                return position
        return None

    def forget(self, position: FilePosition) -> None:
        """It is being read elsewhere."""
        if self.has(position):
            self._remove(position)

    def _called(self, path: str) -> Iterator[FilePosition]:
        for name in (path, *originals(path)):
            yield from self._missed_by_name.get(name, ())

    def _remove(self, position: FilePosition) -> None:
        position.gone = False  # if its file was, it is found
        del self._by_id[position.id]
        self._missed.pop(position.id, None)
        lives = self._by_inode[position.device, position.inode]
        lives.remove(position)
        if not lives:
            del self._by_inode[position.device, position.inode]


def _furthest_first(position: FilePosition) -> int:
    return -position.offset


def _begins_alike(position: FilePosition, read_at: ReadAt) -> bool:
    known = position.fingerprint
    head = read_at(0, known.head_length)
    return len(head) == known.head_length and fingerprint_of(head, b"").head == known.head
