"""Streams whose files are not being read: found again by inode or by content, or forgotten in time."""

from __future__ import annotations

import os
from collections.abc import Iterable

from logpost.agent.fingerprint import HEAD_BYTES, ReadAt, fingerprint, identifies_copies, is_same_file
from logpost.agent.positions import FilePosition

EXPIRY_SECONDS = 30 * 24 * 3600
"""A stream whose file was not seen for this long is forgotten."""


class KnownStreams:
    """Positions by inode, and by how their files begin."""

    def __init__(self, positions: Iterable[FilePosition]) -> None:
        self._by_id: dict[str, FilePosition] = {}
        self._by_inode: dict[tuple[int, int], list[FilePosition]] = {}
        self._by_head: dict[str, list[FilePosition]] = {}
        for position in positions:
            self.add(position)

    def add(self, position: FilePosition) -> None:
        self._by_id[position.id] = position
        # Several lives of one inode: a file that was truncated, and its life before.
        self._by_inode.setdefault((position.device, position.inode), []).append(position)
        if identifies_copies(position.fingerprint):
            self._by_head.setdefault(position.fingerprint.head, []).append(position)

    def all(self) -> list[FilePosition]:
        return list(self._by_id.values())

    def forget_expired(self, now_s: int) -> None:
        """Only to be called after a scan: an agent that did not run for long has not seen any file for long."""
        for position in self.all():
            if now_s - position.seen >= EXPIRY_SECONDS:
                self._remove(position)

    def paths(self) -> set[str]:
        """Names that known files were first seen under."""
        return {position.path for position in self._by_id.values()}

    def take(self, status: os.stat_result, read_at: ReadAt) -> FilePosition | None:
        """The stream of this file, no longer known then: it is being read. The position has the file's inode."""
        candidates = [*self._by_inode.get((status.st_dev, status.st_ino), []), *self._alike(status, read_at)]
        position = next((position for position in candidates if _is_file_of(position, status, read_at)), None)
        if position is None:
            return None
        self._remove(position)
        position.device, position.inode = status.st_dev, status.st_ino
        return position

    def _alike(self, status: os.stat_result, read_at: ReadAt) -> list[FilePosition]:
        if not self._by_head or status.st_size < HEAD_BYTES:
            return []
        return self._by_head.get(fingerprint(read_at, 0).head, [])

    def _remove(self, position: FilePosition) -> None:
        del self._by_id[position.id]
        self._by_inode[position.device, position.inode].remove(position)
        if identifies_copies(position.fingerprint):
            self._by_head[position.fingerprint.head].remove(position)


def _is_file_of(position: FilePosition, status: os.stat_result, read_at: ReadAt) -> bool:
    return status.st_size >= position.offset and is_same_file(position.fingerprint, read_at, position.offset)
