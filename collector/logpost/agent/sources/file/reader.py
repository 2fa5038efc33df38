"""One file that is read: its bytes in chunks, as lines, across truncation. Decides nothing about names or turns.

Reading has no state but the position: what follows the last whole line is read again with the next chunk. Each read
begins a little before the position and finds the bytes there that it saw the last time, so that a file which was
truncated and has grown past the position again is noticed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from logpost.agent.sources.file.file_set import FileSet
from logpost.agent.sources.file.fingerprint import (
    HEAD_BYTES,
    TAIL_BYTES,
    Fingerprint,
    fingerprint,
    fingerprint_of,
    identifies_copies,
    is_same_file,
)
from logpost.agent.sources.file.lines import split
from logpost.agent.sources.file.opening import bytes_of, open_log
from logpost.agent.sources.file.position import FilePosition
from logpost.agent.stages.event import Event, Mark
from logpost.agent.stages.stream import Stream

CHUNK_BYTES = 256 * 1024
"""Read at once; more when a line is longer."""
MAX_LINES = 10_000
"""Taken from one chunk, so that short lines cannot fill the memory."""


class FileReplacedError(Exception):
    """The file no longer has the bytes that were read: it was truncated, or another file has its name."""


class FileId(NamedTuple):
    """Device and inode."""

    device: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileId:
        return cls(status.st_dev, status.st_ino)


class FileReader:
    """Reads the file `position` stands for; `path` is where the file is now."""

    def __init__(self, path: Path, position: FilePosition, stream: Stream, file_set: FileSet) -> None:
        self.path = path
        self.file_set = file_set
        self.position = position
        self.stream = stream
        self.present = True
        """The file was last found under a name that is to be read."""
        self.scan = 0
        """The number of the scan that found it last; the caller's."""
        self.is_queued = False
        """It waits for its turn; the caller's."""
        self.read_to = position.offset
        self.rest = b""
        """What followed the last whole line when the end of the file was last read."""
        self.grown_at = 0.0
        """When the file was last found changed, by the caller's clock."""
        self._limit = file_set.max_line_bytes
        self._claimed = position.offset
        self._mid_line = False
        self.head = b""
        """The first bytes, as far as they were read, HEAD_BYTES at most."""
        self._tail = b""
        self._fd = -1
        self._looked_at: tuple[int, int] | None = None
        self.size = 0

    @property
    def file_id(self) -> FileId:
        return FileId(self.position.device, self.position.inode)

    @property
    def is_open(self) -> bool:
        return self._fd >= 0

    @property
    def has_more(self) -> bool:
        """There are bytes that were not looked at, or a cut that must still be made."""
        return self.size > self.read_to + len(self.rest) or self.position.cut > self.read_to

    @property
    def is_idle(self) -> bool:
        """All of it is acknowledged, and its position says so."""
        acks = self.stream.acks
        done = acks.settled and acks.acknowledged == self.position.offset
        return done and not self.rest and not self.has_more and not self.stream.has_drops

    @property
    def backlog(self) -> int:
        """Bytes in the file that are not acknowledged, without those that no record stands for yet."""
        acks = self.stream.acks
        return max(0, self.size - (self.read_to if acks.settled and not self.rest else acks.acknowledged))

    def open(self) -> None:
        """Raises FileReplacedError when the name leads to another file or to other bytes, OSError."""
        fd = open_log(self.path)
        if FileId.of(os.fstat(fd)) != self.file_id:
            os.close(fd)
            raise FileReplacedError
        self._fd = fd
        if self._looked_at is None:
            self._remember()
        elif not self._is_unchanged():
            raise FileReplacedError

    def move_to(self, path: Path) -> None:
        """Go on in another file that has all that was read: a copy, or this file under a new name. Raises
        FileReplacedError when it has not, OSError."""
        status = path.stat()
        if status.st_size < self.read_to + len(self.rest):
            raise FileReplacedError
        if FileId.of(status) != self.file_id and len(self._tail) + len(self.rest) < TAIL_BYTES:
            raise FileReplacedError  # too little to tell a copy from a file that begins alike
        before = self.path, self.file_id
        self.close()
        self.path = path
        self.position.device, self.position.inode = status.st_dev, status.st_ino
        try:
            self.open()
        except (OSError, FileReplacedError):
            self.close()
            self.path = before[0]
            self.position.device, self.position.inode = before[1].device, before[1].inode
            raise
        self.look_again()

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def look(self, now: float, status: os.stat_result | None = None) -> bool:
        """See whether the file has changed; `status`: its own, if it is at hand. Raises FileReplacedError; OSError when
        a closed one has lost its name."""
        if status is None:
            status = os.fstat(self._fd) if self.is_open else self.path.stat()
        changed = (status.st_size, status.st_mtime_ns)
        if changed == self._looked_at:
            return False
        if FileId.of(status) != self.file_id or status.st_size < self.read_to + len(self.rest):
            raise FileReplacedError
        if self.is_open and not self._is_unchanged():
            raise FileReplacedError
        self._looked_at = changed
        self.size = status.st_size
        self.grown_at = now
        return True

    def look_again(self) -> None:
        """The next look finds the file changed, whether it is or not."""
        self._looked_at = (-1, -1)

    @property
    def known_to(self) -> int:
        """The end of the bytes that were read, also of a line that has no newline yet."""
        return self.read_to + len(self.rest)

    def known(self) -> Fingerprint:
        """Of the bytes up to `known_to`, as they were when they were read."""
        return fingerprint_of((self.head + self.rest)[:HEAD_BYTES], (self._tail + self.rest)[-TAIL_BYTES:])

    def is_deleted(self) -> bool:
        """No name leads to the file."""
        return self.is_open and os.fstat(self._fd).st_nlink == 0

    def has_grown_copy(self) -> bool:
        """The file is deleted, and what has its name now has all its bytes and more: rsync and editors replace a file
        that has grown. Raises OSError."""
        if not self.is_deleted():
            return False
        known, size = self.known(), os.fstat(self._fd).st_size
        with bytes_of(self.path) as (read_at, status):
            is_longer = status.st_size > size
            return is_longer and identifies_copies(known) and is_same_file(known, read_at, self.known_to)

    def read(self) -> list[Event]:
        """The whole lines of the next chunk. Raises FileReplacedError."""
        cut = self.position.cut
        stop = cut if cut > self.read_to else None
        wanted = CHUNK_BYTES if stop is None else min(CHUNK_BYTES, stop - self.read_to)
        while True:
            data = self._next_bytes(wanted)
            if len(data) == CHUNK_BYTES and not data.strip(b"\0"):
                self._pass_hole(stop)
                return []
            at_cut = stop is not None and self.read_to + len(data) == stop
            found = split(
                data,
                at=self.read_to,
                claimed=self._claimed,
                mid_line=self._mid_line,
                limit=self._limit,
                final=at_cut,
            )
            if found.read > self.read_to or len(data) < wanted or wanted > self._limit:
                break
            wanted = self._limit + CHUNK_BYTES if stop is None else min(self._limit + CHUNK_BYTES, stop - self.read_to)
        lines, read = found.lines, found.read
        self._claimed, self._mid_line = found.claimed, found.mid_line
        if len(lines) > MAX_LINES:
            lines = lines[:MAX_LINES]
            read = self._claimed = lines[-1].end
            self._mid_line = bool(lines[-1].marks & Mark.TRUNCATED)
        if len(data) < wanted:
            self.size = self.read_to + len(data)
        at_end = self.read_to + len(data) >= self.size and len(found.lines) <= MAX_LINES
        self.rest = data[read - self.read_to :] if at_end else b""
        self._advance(data, read)
        return lines

    def remainder(self) -> list[Event]:
        """The line that had no newline yet when the file's bytes went away."""
        found = split(
            self.rest,
            at=self.read_to,
            claimed=self._claimed,
            mid_line=self._mid_line,
            limit=self._limit,
            final=True,
        )
        self.rest = b""
        return found.lines

    def update_position(self, now_s: int) -> None:
        """Bring `position` up to what is acknowledged."""
        self.position.seen = now_s - now_s % 3600  # not a reason to write the positions every second
        acknowledged = self.stream.acks.acknowledged
        if acknowledged == self.position.offset or not self.is_open:
            return
        try:
            taken = fingerprint(self._read_at, acknowledged)
            # Looked at after the fingerprint was taken: else it may be that of bytes which nobody has read.
            if self._is_unchanged():
                self.position.offset, self.position.fingerprint = acknowledged, taken
                if self._looked_at is not None:
                    self.position.written_ns = max(self.position.written_ns, self._looked_at[1])
        except OSError:
            return  # the position stays behind; reading says what is wrong with the file

    def whereabouts(self) -> tuple[Path, os.stat_result]:
        """The name of the file, as it is now if it is open, and its status. Raises OSError."""
        if not self.is_open:
            return self.path, self.path.stat()
        return Path(f"/proc/self/fd/{self._fd}").readlink(), os.fstat(self._fd)

    def _next_bytes(self, wanted: int) -> bytes:
        data = self._read_at(self.read_to - len(self._tail), len(self._tail) + wanted)
        if not data.startswith((self._tail + self.rest)[: len(self._tail) + wanted]):
            raise FileReplacedError
        return data[len(self._tail) :]

    def _pass_hole(self, stop: int | None) -> None:
        """A chunk of NULs says nothing, and what was never written may be terabytes long."""
        size, after = os.fstat(self._fd).st_size, self.read_to + CHUNK_BYTES
        try:
            after = os.lseek(self._fd, after, os.SEEK_DATA)
        except OSError:
            after = max(after, size)  # nothing was written from there to the end
        self.read_to = after if stop is None else min(after, stop)
        self._tail, self.rest = bytes(TAIL_BYTES), b""
        self.head = self.head if len(self.head) == HEAD_BYTES else self._read_at(0, HEAD_BYTES)

    def _advance(self, data: bytes, read: int) -> None:
        used = data[: read - self.read_to]
        self._tail = (self._tail + used[-TAIL_BYTES:])[-TAIL_BYTES:]
        self.read_to = read
        if len(self.head) < HEAD_BYTES:
            self.head = self._read_at(0, min(HEAD_BYTES, read))

    def _remember(self) -> None:
        """What identifies the file, when it is opened for the first time."""
        self.head = self._read_at(0, min(HEAD_BYTES, self.read_to))
        tail = min(TAIL_BYTES, self.read_to)
        self._tail = self._read_at(self.read_to - tail, tail)
        self._mid_line = bool(self._tail) and not self._tail.endswith(b"\n")

    def _is_unchanged(self) -> bool:
        """The bytes that were read are still there."""
        known = self._tail + self.rest
        return (
            self._read_at(self.read_to - len(self._tail), len(known)) == known
            and self._read_at(0, len(self.head)) == self.head
        )

    def _read_at(self, offset: int, length: int) -> bytes:
        return os.pread(self._fd, length, offset)
