"""Rotated files that have more than was read of them: from before the agent ran, written to since, or never seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import chain

from logpost.agent.sources.file.books import Books
from logpost.agent.sources.file.fingerprint import fingerprint
from logpost.agent.sources.file.meeting import Meeting
from logpost.agent.sources.file.missed import Log, Missed, MissedFiles
from logpost.agent.sources.file.moved import MovedFiles, renamed_oddly
from logpost.agent.sources.file.opening import bytes_of
from logpost.agent.sources.file.packed import PackedReader, Unpacked, bytes_in
from logpost.agent.sources.file.position import FilePosition, new_position
from logpost.agent.sources.file.reader import FileId
from logpost.agent.sources.file.reading import Reading
from logpost.agent.sources.file.rotated import ROTATED_SECONDS, Rotated
from logpost.agent.sources.file.rotation import SECOND_NS
from logpost.agent.sources.file.unseen import Shipped


class TakingUp:
    """Used by one thread."""

    def __init__(self, reading: Reading, books: Books) -> None:
        self._reading = reading
        self._known = books.known
        self._packed = books.packed
        self._rotated = books.rotated
        self._reports = books.reports
        self._stream = books.stream
        self._new_id = books.new_id

    def missed(self, logs: Sequence[Log], saved_ns: int | None, meeting: Meeting, now: float, now_ns: int) -> None:
        """What was rotated while the agent was not running, and not read to its end. `logs`: that an earlier run has
        read; `saved_ns`: when it ended, by the file system's clock."""
        is_met, is_copy = meeting.is_met, meeting.is_copy
        # One after the other: each looks for what those before it have not found.
        beside = MissedFiles(self._known, logs, saved_ns=saved_ns, is_met=is_met, is_copy=is_copy)
        moved = MovedFiles(self._known, logs, saved_ns=saved_ns, is_met=is_met)
        renamed = renamed_oddly(self._known, logs, saved_ns=saved_ns, is_met=is_met)
        for missed in chain(beside, (file for file in moved if not self._is_shipped(file, now_ns)), renamed):
            try:
                if missed.is_packed:
                    self._take_up_packed(missed, now_ns)
                else:
                    self._take_up(missed, now, now_ns)
            except OSError as error:
                self._reports.tell(missed.path, error)

    def _is_shipped(self, moved: Missed, now_ns: int) -> bool:
        """A stream has the bytes of this file: it is a copy that nobody rotated."""
        if moved.position is not None:
            return False
        called = moved.log.path.with_name(moved.path.name)
        try:
            with bytes_in(moved.path) as read_at:
                return Shipped(self._streams(now_ns // SECOND_NS)).has(called, read_at)
        except OSError as error:
            self._reports.tell(moved.path, error)
            return True

    def unseen(self, found: Iterable[Missed], meeting: Meeting, now: float, now_ns: int) -> None:
        """Files that were begun and rotated before they were seen, unless a stream has their bytes."""
        shipped: Shipped | None = None
        for missed in found:
            shipped = shipped or Shipped(self._streams(now_ns // SECOND_NS))
            try:
                if missed.is_packed:
                    self._take_up_unseen_packed(missed, shipped, now_ns)
                else:
                    self._take_up_unseen(missed, shipped, meeting, now, now_ns)
            except OSError as error:
                self._reports.tell(missed.path, error)

    def _streams(self, now_s: int) -> Iterator[tuple[FilePosition, int | None]]:
        """As `Shipped` takes them."""
        yield from self._reading.ends(now_s)
        yield from ((position, None) for position in self._packed.positions(now_s))
        yield from ((position, position.offset) for position in self._known.all())

    def _take_up_unseen(self, missed: Missed, shipped: Shipped, meeting: Meeting, now: float, now_ns: int) -> None:
        with bytes_of(missed.path) as (read_at, status):
            position = self._reading.find(str(missed.path), read_at)
            if position is None and (
                shipped.has(missed.path, read_at) or meeting.is_copy(missed.log.name, read_at, status.st_size)
            ):
                return
        shipped.add(self._take_up(replace(missed, position=position), now, now_ns), status.st_size)

    def _take_up_unseen_packed(self, missed: Missed, shipped: Shipped, now_ns: int) -> None:
        if self._packed.has(missed.status):
            return
        with closing(Unpacked(missed.path)) as unpacked:
            position = self._reading.find(str(missed.path), unpacked.read_at)
            if position is None and shipped.has(missed.path, unpacked.read_at):
                return
        shipped.add(self._take_up_packed(replace(missed, position=position), now_ns), None)

    def rotated(self, now: float, now_ns: int) -> None:
        """What was written to rotated files since they were let go, also if they were compressed then."""
        for rotated in self._rotated.changed(now):
            if not self._resume(rotated, now, now_ns):
                self._read_copy(rotated, now_ns)
        for gone in self._rotated.take_gone():
            self._read_copy(gone, now_ns)
            if self._known.has(gone.position):
                gone.position.gone = self._reading.changed = True  # it was read to its end

    def _take_up(self, missed: Missed, now: float, now_ns: int) -> FilePosition:
        path, status, position = missed.path, missed.status, missed.position
        if position is None:
            with bytes_of(path) as (read_at, _):
                position = new_position(self._new_id(), missed.log.name, status, 0, fingerprint(read_at, 0))
        elif status.st_size == position.offset:
            position.device, position.inode = FileId.of(status)
            self._known.add(position)
            rested = max(0.0, (now_ns - status.st_mtime_ns) / SECOND_NS)
            if rested < ROTATED_SECONDS:
                self._rotated.add(path, status, missed.log.file_set, position, now - rested)
            return position
        reader = self._reading.add(path, status, position, missed.log.file_set, now_ns)
        if reader is not None:
            self._reading.look(reader, now, now_ns)
        return position

    def _take_up_packed(self, missed: Missed, now_ns: int) -> FilePosition:
        position = missed.position
        unpacked = Unpacked(missed.path)
        try:
            if position is None:
                begun = fingerprint(unpacked.read_at, 0)
                position = new_position(self._new_id(), missed.log.name, missed.status, 0, begun)
            stream = self._stream(position, missed.log.file_set, now_ns)
            limit = missed.log.file_set.max_line_bytes
            self._packed.add(PackedReader(missed.path, unpacked, position, stream, limit=limit))
        except OSError:
            unpacked.close()
            if position is not None:
                self._known.add(position)
            raise
        self._reading.begun()
        return position

    def _resume(self, rotated: Rotated, now: float, now_ns: int) -> bool:
        """A rotated file has grown; False when another file has its inode by now."""
        try:
            with bytes_of(rotated.path) as (read_at, status):
                position = self._known.take(status, read_at)
            if position is None:
                return False
            reader = self._reading.add(rotated.path, status, position, rotated.file_set, now_ns)
        except OSError as error:
            self._reports.tell(rotated.path, error)
            return True
        if reader is not None:
            self._reading.look(reader, now, now_ns)
        return True

    def _read_copy(self, gone: Rotated, now_ns: int) -> None:
        if self._packed.take_up_copy(gone.position, gone.path, gone.file_set, gone.written_ns, now_ns):
            self._reading.changed = True
