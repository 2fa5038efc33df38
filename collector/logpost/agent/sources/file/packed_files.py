"""Compressed copies that are read on, one at a time: they do not change, so they can wait."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Iterable
from pathlib import Path

from logpost.agent.sources.file.beside import Listings
from logpost.agent.sources.file.file_set import FileSet, NewStream
from logpost.agent.sources.file.fingerprint import is_same_file
from logpost.agent.sources.file.known import KnownStreams
from logpost.agent.sources.file.packed import PackedReader, Unpacked
from logpost.agent.sources.file.position import FilePosition
from logpost.agent.sources.file.reports import Reports
from logpost.agent.sources.file.rotation import is_older


class PackedFiles:
    """Used by one thread."""

    def __init__(self, known: KnownStreams, listings: Listings, reports: Reports, stream: NewStream) -> None:
        self._known = known
        self._listings = listings
        self._reports = reports
        self._stream = stream
        self._waiting: deque[PackedReader] = deque()
        self._read: list[PackedReader] = []
        self._log = logging.getLogger("agent")

    @property
    def has_work(self) -> bool:
        return bool(self._waiting)

    @property
    def is_empty(self) -> bool:
        return not self._waiting and not self._read

    def add(self, reader: PackedReader) -> None:
        self._log.info("%s was compressed before it was read to its end: it is read on", reader)
        self._waiting.append(reader)

    def take_up_copy(
        self, position: FilePosition, path: Path, file_set: FileSet, read_ns: int | None, now_ns: int
    ) -> bool:
        """The file that was at `path` is gone: what nobody has read of it may stand in a compressed copy."""
        names = [path, *position.names]
        directories = list(dict.fromkeys(name.parent for name in names))
        self._listings.renew(directories)
        copies = [copy for directory in directories for copy in self._listings.of(directory).packed_copies(names)]
        return self.take_up_one(copies, position, path, file_set, read_ns, now_ns)

    def take_up_one(
        self,
        copies: Iterable[Path],
        position: FilePosition,
        path: Path,
        file_set: FileSet,
        read_ns: int | None,
        now_ns: int,
    ) -> bool:
        """As `take_up_copy`, of these copies."""
        try:
            unread = [copy for copy in copies if not self.has(copy.stat())]
            found = unread_copy(unread, position, read_ns)
            if found is None:
                return False
            stream = self._stream(position, file_set, now_ns)
            self.add(PackedReader(*found, position, stream, limit=file_set.max_line_bytes))
        except OSError as error:
            self._reports.tell(Path(error.filename or path), error)
            return False
        self._known.forget(position)
        return True

    def turn(self, now_ns: int) -> int:
        """Ship the lines of one chunk; returns how many."""
        reader = self._waiting[0]
        try:
            lines = reader.turn(now_ns)
        except OSError as error:
            # Its position stays where it is: what is behind may be there at the next start.
            self._log.warning("%s is not read any further: %s", reader, error.strerror)
            self._read.append(self._waiting.popleft())
            return 0
        if reader.ended:
            self._read.append(self._waiting.popleft())
        return lines

    def take_settled(self, now_s: int) -> list[FilePosition]:
        """Where those stand that are done."""
        settled = [reader for reader in self._read if reader.stream.acks.settled]
        for reader in settled:
            self._read.remove(reader)
            reader.update_position(now_s)
            reader.close()
        return [reader.position for reader in settled]

    def positions(self, now_s: int) -> list[FilePosition]:
        """Of those under way, as far as they are acknowledged."""
        reading = [*self._waiting, *self._read]
        for reader in reading:
            reader.update_position(now_s)
        return [reader.position for reader in reading]

    def close(self) -> None:
        for reader in [*self._waiting, *self._read]:
            reader.close()

    def has(self, copy: os.stat_result) -> bool:
        """The copy was read to its end, or is under way."""
        return self._known.has_packed(copy) or any(reader.is_of(copy) for reader in (*self._waiting, *self._read))


def unread_copy(copies: Iterable[Path], position: FilePosition, read_ns: int | None) -> tuple[Path, Unpacked] | None:
    """The one of the `copies` that is of the file `position` stands for, and may have bytes that nobody has read.
    `read_ns`: when the file was last written to, if it has surely been read to its end since. Raises OSError."""
    for path in copies:
        unpacked = Unpacked(path)
        try:
            written_ns = unpacked.status.st_mtime_ns
            has_more = written_ns != read_ns
            if (
                has_more
                and not is_older(written_ns, position.written_ns)
                and is_same_file(position.fingerprint, unpacked.read_at, position.offset)
            ):
                return path, unpacked
        except OSError:
            unpacked.close()
            raise
        unpacked.close()
    return None
