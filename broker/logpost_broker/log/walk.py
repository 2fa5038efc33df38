"""Reading a segment file from end to end without trusting it: its whole batches, and the bytes between them.

For tools. The file is read in large pieces into one buffer, so that memory does not grow with the file; behind bytes
that are no batch the walk goes on at the next place where a whole one begins.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from crc32c import crc32c

from logpost_broker.log.batch import CRC_START, HEADER_BYTES, MAGIC, BatchHeader, read_header
from logpost_broker.log.checked import batch_begin

CHUNK_BYTES = 4 * 1024 * 1024


class Found(NamedTuple):
    """A whole batch whose CRC is right."""

    position: int
    header: BatchHeader


class Damage(NamedTuple):
    """Bytes that are no whole batch, up to the next one or the end of the file."""

    position: int
    size_bytes: int
    reason: str


class SegmentWalk:
    """Iterate over it once: `with SegmentWalk(path, base_offset) as walk: for piece in walk: …`."""

    def __init__(
        self,
        path: Path,
        base_offset: int,
        *,
        on_read: Callable[[int], None] | None = None,
        buffer: bytearray | None = None,
    ) -> None:
        """The file is walked up to its size of now. `on_read` is told of bytes as they are read; `buffer` may be handed
        from walk to walk. Raises OSError."""
        self._buffer = memoryview(bytearray(CHUNK_BYTES) if buffer is None else buffer)
        self._start = self._end = self._furthest = 0
        self._base_offset = base_offset
        self._on_read = on_read
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.size_bytes = os.fstat(self._fd).st_size

    def __enter__(self) -> SegmentWalk:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._fd)

    def __iter__(self) -> Iterator[Found | Damage]:
        """Raises OSError."""
        position = 0
        while position < self.size_bytes:
            batch = self._batch_at(position)
            if isinstance(batch, BatchHeader):
                yield Found(position, batch)
                position += batch.size_bytes
            else:
                following = self._next_batch(position + 1)
                yield Damage(position, following - position, batch)
                position = following

    def read(self, found: Found) -> memoryview:
        """The bytes of a batch, good until the walk goes on. Raises OSError."""
        position, size = found.position, found.header.size_bytes
        if size > len(self._buffer):
            return memoryview(os.pread(self._fd, size, position))
        return self._view(position, size)

    def _batch_at(self, position: int) -> BatchHeader | str:
        """The header of the whole batch at `position`, or why there is none."""
        left = self.size_bytes - position
        if left < HEADER_BYTES:
            return f"{left} bytes are less than a batch header"
        header = read_header(self._view(position, HEADER_BYTES))
        if header.magic != MAGIC:
            return f"message format v{header.magic} where v2 is expected"
        if not HEADER_BYTES <= header.size_bytes <= left:
            return f"the batch claims {header.size_bytes} bytes, {left} are left in the file"
        if header.last_offset_delta < 0:
            return "the batch ends before it begins"
        if self._crc(position + CRC_START, header.size_bytes - CRC_START) != header.crc:
            return "the CRC of the batch does not match its bytes"
        return header

    def _crc(self, position: int, size: int) -> int:
        crc = 0
        while size:
            piece = self._view(position, min(size, len(self._buffer)))
            crc = crc32c(piece, crc)
            position += len(piece)
            size -= len(piece)
        return crc

    def _next_batch(self, position: int) -> int:
        """Where the next whole batch begins at or after `position`, else the end of the file."""
        begin = batch_begin(self._base_offset)
        while position + HEADER_BYTES <= self.size_bytes:
            view = self._view(position, min(len(self._buffer), self.size_bytes - position))
            candidate = begin.search(view)
            if candidate is None:
                position += len(view) - HEADER_BYTES + 1
                continue
            position += candidate.start()
            if isinstance(self._batch_at(position), BatchHeader):
                return position
            position += 1
        return self.size_bytes

    def _view(self, position: int, size: int) -> memoryview:
        """`size` bytes at `position`, at most a buffer full. Raises OSError."""
        if not self._start <= position <= position + size <= self._end:
            count = os.preadv(self._fd, [self._buffer[: self.size_bytes - position]], position)
            if count < size:
                raise OSError(f"the file was cut to {position + count} bytes while it was read")
            self._start, self._end = position, position + count
            if self._on_read is not None and self._end > self._furthest:
                self._on_read(self._end - self._furthest)
            self._furthest = max(self._furthest, self._end)
        return self._buffer[position - self._start : position - self._start + size]
