"""A log that was rotated and compressed before it was read to its end: read on from where its stream stands.

The stream's ranges are those of the unpacked bytes, so that what was shipped before it was compressed is shipped once.
Unpacked in small steps: however large it becomes, memory does not grow.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import sys
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, cast

from logpost.agent.sources.file.file_names import as_one_line
from logpost.agent.sources.file.fingerprint import HEAD_BYTES, TAIL_BYTES, ReadAt, fingerprint_of
from logpost.agent.sources.file.lines import Split, split
from logpost.agent.sources.file.opening import bytes_of, open_log
from logpost.agent.sources.file.position import FilePosition
from logpost.agent.sources.file.rotation import READABLE
from logpost.agent.stages.stream import Stream

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CHUNK_BYTES = 64 * 1024
XZ_MEMORY_BYTES = 128 * 1024 * 1024
"""What a file may ask for to be unpacked, as with zstd; `xz -9` asks for half. One may ask for 4 GiB."""
_DAMAGED = (EOFError, ValueError, lzma.LZMAError, zlib.error, zstd.ZstdError)


class Unpacked:
    """The bytes of a compressed file. Going back is slow: it unpacks from the start."""

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self._packed = os.fdopen(open_log(path), "rb")
        self.status = os.fstat(self._packed.fileno())
        self._path = path
        try:
            self._file = _unpacking(path, self._packed)
        except _DAMAGED as error:
            self._packed.close()
            raise self._unreadable(error) from error

    def read_at(self, offset: int, length: int) -> bytes:
        """Fewer bytes at the end of the file. Raises OSError, also for a file that is damaged."""
        try:
            self._file.seek(offset)
            parts = []
            while length and (part := self._file.read(length)):
                parts.append(part)
                length -= len(part)
        except _DAMAGED as error:
            raise self._unreadable(error) from error
        return b"".join(parts)

    def _unreadable(self, error: Exception) -> OSError:
        return OSError(0, f"it cannot be unpacked ({error})", str(self._path))

    def close(self) -> None:
        self._file.close()
        self._packed.close()


def _unpacking(path: Path, packed: IO[bytes]) -> IO[bytes]:
    match path.suffix:
        case ".bz2":
            return cast(IO[bytes], bz2.BZ2File(packed))
        case ".xz":
            _require_memory(packed)
            return cast(IO[bytes], lzma.LZMAFile(packed))
        case ".zst":
            return cast(IO[bytes], zstd.ZstdFile(packed))
    return cast(IO[bytes], gzip.GzipFile(fileobj=packed))


def _require_memory(packed: IO[bytes]) -> None:
    """Whether `XZ_MEMORY_BYTES` are enough: LZMAFile itself has no limit. Raises LZMAError."""
    lzma.LZMADecompressor(memlimit=XZ_MEMORY_BYTES).decompress(packed.read(CHUNK_BYTES), max_length=1)
    packed.seek(0)


@contextmanager
def bytes_in(path: Path) -> Iterator[ReadAt]:
    """The bytes of the log `path`, which may be compressed. Raises OSError."""
    if path.name.endswith(READABLE):
        with closing(Unpacked(path)) as unpacked:
            yield unpacked.read_at
    else:
        with bytes_of(path) as (read_at, _):
            yield read_at


class PackedReader:
    """Reads the file that `position` stands for out of its compressed copy, which does not change any more."""

    def __init__(self, path: Path, unpacked: Unpacked, position: FilePosition, stream: Stream, *, limit: int) -> None:
        """`unpacked` is closed by this object. Raises OSError."""
        self.path = path
        self.position = position
        self.stream = stream
        self.ended = False
        self._unpacked = unpacked
        self._limit = limit
        self._head = unpacked.read_at(0, HEAD_BYTES)
        self._read_to = self._claimed = position.offset
        tail = min(TAIL_BYTES, position.offset)
        self._tail = unpacked.read_at(position.offset - tail, tail)
        self._mid_line = bool(self._tail) and not self._tail.endswith(b"\n")
        self._rest = b""
        self._passed: deque[tuple[int, bytes]] = deque()
        """Places that the stream may be taken up at, with the bytes before them: going back to look is slow."""

    @property
    def is_done(self) -> bool:
        return self.ended and self.stream.acks.settled

    def turn(self, now_ns: int) -> int:
        """Ship the lines of the next chunk; returns how many. Raises OSError."""
        at = self._read_to + len(self._rest)
        cut = self.position.cut
        wanted = min(CHUNK_BYTES, cut - at) if cut > at else CHUNK_BYTES
        more = self._unpacked.read_at(at, wanted)
        self.ended = len(more) < wanted
        data = self._rest + more
        found = split(
            data,
            at=self._read_to,
            claimed=self._claimed,
            mid_line=self._mid_line,
            limit=self._limit,
            final=self.ended or at + len(more) == cut,
        )
        self._advance(data, found)
        self.stream.ship(found.lines, now_ns)
        if self.ended:
            self.stream.ship_drops(now_ns)
        return len(found.lines)

    def update_position(self, now_s: int) -> None:
        """Bring `position` up to what is acknowledged."""
        self.position.seen = now_s - now_s % 3600
        while self._passed and self._passed[0][0] <= self.stream.acks.acknowledged:
            self.position.offset, tail = self._passed.popleft()
            self.position.fingerprint = fingerprint_of(self._head, tail)
        if self.is_done:
            status = self._unpacked.status
            self.position.device, self.position.inode, self.position.packed = status.st_dev, status.st_ino, True

    def close(self) -> None:
        self._unpacked.close()

    def is_of(self, status: os.stat_result) -> bool:
        """This is the compressed file's status."""
        return os.path.samestat(status, self._unpacked.status)

    def __str__(self) -> str:
        return as_one_line(self.path)

    def _advance(self, data: bytes, found: Split) -> None:
        known = self._tail + data
        begin = self._read_to - len(self._tail)
        if found.claimed > self._claimed:
            end = found.claimed - begin
            self._passed.append((found.claimed, known[max(0, end - TAIL_BYTES) : end]))
        end = found.read - begin
        self._tail = known[max(0, end - TAIL_BYTES) : end]
        self._rest = data[found.read - self._read_to :]
        self._read_to, self._claimed, self._mid_line = found.read, found.claimed, found.mid_line
