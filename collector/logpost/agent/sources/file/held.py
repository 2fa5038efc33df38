"""Copies of logs that are being read: when a log is truncated next, its copy is a rotation and is read on; when it is
not, the copy is a file of its own, however much the two are alike."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path

from logpost.agent.sources.file.fingerprint import HEAD_BYTES, TAIL_BYTES, ReadAt
from logpost.agent.sources.file.opening import bytes_of
from logpost.agent.sources.file.reader import FileId, FileReader

HOLD_SECONDS = 10.0
"""A copy that does not grow is held back for this long."""


@dataclass(slots=True)
class _Held:
    path: Path
    size: int
    until: float


class HeldCopies:
    """Used by one thread. Times are monotonic seconds of the caller."""

    def __init__(self) -> None:
        self._copies: dict[FileId, _Held] = {}

    def __iter__(self) -> Iterator[Path]:
        return iter([held.path for held in self._copies.values()])

    def holds(self, file: FileId, path: Path, size: int, now: float) -> bool:
        """The copy, `size` bytes long by now, is still held back."""
        held = self._copies.get(file)
        if held is None or held.size != size:
            self._copies[file] = _Held(path, size, now + HOLD_SECONDS)
            return True
        return now < held.until

    def keep(self, files: Container[FileId]) -> None:
        """Forget all but these."""
        self._copies = {file: held for file, held in self._copies.items() if file in files}


def is_copy(reader: FileReader, read_at: ReadAt, size: int) -> bool:
    """Another file of `size` bytes has nothing but what the file of `reader` has. Raises OSError."""
    if not 0 < size <= reader.size:
        return False
    with bytes_of(reader.path) as (original_at, _):
        end = max(0, size - TAIL_BYTES)
        head = min(size, HEAD_BYTES)
        return original_at(0, head) == read_at(0, head) and original_at(end, size - end) == read_at(end, size - end)
