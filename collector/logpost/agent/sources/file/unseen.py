"""Logs that were begun and rotated between two looks at names: no look saw them under a configured name.

Such a file has a name that rotation makes of a log, and was written to after its directory was listed before. Whether
a stream has its bytes already, `Shipped` tells. It has to rest first: a copy may be under way.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from logpost.agent.sources.file.beside import SETTLED_NS, changed_ns, listed
from logpost.agent.sources.file.fingerprint import (
    HEAD_BYTES,
    Fingerprint,
    ReadAt,
    fingerprint_of,
    identifies_copies,
    is_same_file,
)
from logpost.agent.sources.file.position import FilePosition
from logpost.agent.sources.file.reader import FileId
from logpost.agent.sources.file.rotation import COMPRESSED, READABLE, originals, unpacked_name

REST_SECONDS = 2.0
"""A file that has not changed for this long is whole."""
GROWING_SECONDS = 10.0
"""One that is no copy, and is written to for longer, is read as it grows."""
EMPTY_SECONDS = 3600.0
"""How long to look at one that is empty: a program may have it open."""


@dataclass(frozen=True, slots=True)
class _Listing:
    changed_ns: int
    is_settled: bool
    files: frozenset[tuple[str, int]]
    """(name, inode)."""


@dataclass(slots=True)
class _Waiting:
    path: str
    came_at: float
    look: tuple[int, int] = (-1, 0)
    rests_from: float = 0.0

    def is_due(self, status: os.stat_result, now: float) -> bool:
        """It is whole, or will be no other way."""
        look = status.st_size, status.st_mtime_ns
        if look != self.look:
            self.look, self.rests_from = look, now
        if not status.st_size:
            return False
        is_plain = not self.path.endswith(READABLE)
        return now - self.rests_from >= REST_SECONDS or (is_plain and now - self.came_at >= GROWING_SECONDS)

    def is_over(self, now: float) -> bool:
        return now - self.came_at >= EMPTY_SECONDS


class UnseenFiles:
    """Used by one thread. Times are monotonic seconds of the caller."""

    def __init__(self) -> None:
        self._listings: dict[str, _Listing] = {}
        self._came: list[tuple[str, int]] = []
        self._waiting: dict[FileId, _Waiting] = {}

    def list(self, directories: Iterable[str]) -> None:
        """Call it before you look at names: what the look misses is written to after this."""
        for directory in directories:
            before = self._listings.get(directory)
            now_ns = changed_ns(directory)
            if before is not None and before.is_settled and before.changed_ns == now_ns:
                continue
            is_settled = time.time_ns() - now_ns > SETTLED_NS
            listing = self._listings[directory] = _Listing(now_ns, is_settled, frozenset(listed(directory)))
            if before is not None:
                new = listing.files - before.files
                self._came += [(f"{directory.rstrip(os.sep)}{os.sep}{name}", before.changed_ns) for name, _ in new]

    def found(self, now: float, is_read: Callable[[os.stat_result], bool]) -> Iterator[tuple[str, os.stat_result]]:
        """Those that rest by now. `is_read`: a stream has the file."""
        came, self._came = self._came, []
        for path, since_ns in came:
            self._await(path, since_ns, now)
        for file, waiting in list(self._waiting.items()):
            status = _status(waiting.path)
            if status is None or FileId.of(status) != file or is_read(status) or waiting.is_over(now):
                del self._waiting[file]
            elif waiting.is_due(status, now) and not _is_being_packed(waiting.path):
                del self._waiting[file]
                yield waiting.path, status

    def _await(self, path: str, since_ns: int, now: float) -> None:
        readable = path.endswith(READABLE) or not path.endswith(COMPRESSED)
        status = _status(path) if readable and any(originals(path)) else None
        if status is None or not stat.S_ISREG(status.st_mode):
            return
        file = FileId.of(status)
        if file in self._waiting:
            self._waiting[file].path = path  # rotated again
        elif status.st_mtime_ns >= since_ns:
            self._waiting[file] = _Waiting(path, now)


class Shipped:
    """The bytes that streams have, or are to read."""

    def __init__(self, streams: Iterable[tuple[FilePosition, int | None]]) -> None:
        """Each with the end of these bytes; None: that of the file."""
        self._by_head: dict[tuple[int, str], list[tuple[FilePosition, int | None]]] = {}
        self._lengths: set[int] = set()
        for position, end in streams:
            self.add(position, end)

    def add(self, position: FilePosition, end: int | None) -> None:
        self._by_head.setdefault(_head(position.fingerprint), []).append((position, end))
        self._lengths.add(position.fingerprint.head_length)

    def has(self, path: Path, read_at: ReadAt) -> bool:
        """A stream has a file that begins like this one, as far as it was read: of any log if enough was read to be
        sure of it; else of one that the file at `path` may have been made of, and that is as long: lives of a log may
        all begin with the same line."""
        head = read_at(0, HEAD_BYTES)
        names = {str(path), *originals(str(path))}
        for length in self._lengths:
            for position, end in self._by_head.get(_head(fingerprint_of(head[:length], b"")), ()):
                is_sure = identifies_copies(position.fingerprint)
                may_be = is_sure or not names.isdisjoint(map(str, position.names))
                if (
                    may_be
                    and is_same_file(position.fingerprint, read_at, position.offset)
                    and (is_sure or end is None or not read_at(end, 1))
                ):
                    return True
        return False


def _head(known: Fingerprint) -> tuple[int, str]:
    return known.head_length, known.head


def _is_being_packed(path: str) -> bool:
    """Beside what it is made of, a compressed file is not complete."""
    return unpacked_name(path) != path and os.path.lexists(unpacked_name(path))


def _status(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except OSError:
        return None
