"""The files that are read: looked at, read in turn, found again when they were moved, let go when they are done.

A line without newline at the end of a file waits until the file has rested; then the place is saved as a cut and the
line is shipped, so that it is cut there again if it must be sent again.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from logpost.agent.sources.file.around import Around
from logpost.agent.sources.file.books import Books
from logpost.agent.sources.file.file_set import FileSet
from logpost.agent.sources.file.fingerprint import ReadAt, identifies_copies
from logpost.agent.sources.file.lost import LostStreams
from logpost.agent.sources.file.position import FilePosition
from logpost.agent.sources.file.reader import FileId, FileReader, FileReplacedError
from logpost.agent.sources.file.readers import Readers
from logpost.agent.sources.file.rotation import SECOND_NS

REST_SECONDS = 1.0
"""What the rate limit dropped is told when a file has not grown for this long."""
ROTATED_REST_SECONDS = 10.0
"""A file that was renamed away or deleted is closed when it has not grown for this long."""


class Reading:
    """Used by one thread."""

    def __init__(
        self, books: Books, *, save: Callable[[], None], partial_line_seconds: float, max_open_files: int
    ) -> None:
        """As for `Tailer`."""
        self.readers = Readers(max_open_files)
        self.wants_scan = True
        """A file was replaced: look for what is there now."""
        self._lost = LostStreams()
        self.changed = False
        """`positions` returns something else than the last time."""
        self._known = books.known
        self._held = books.held
        self._packed = books.packed
        self._rotated = books.rotated
        self._listings = books.listings
        self._reports = books.reports
        self._counts = books.counts
        self._save = save
        self._stream = books.stream
        self._partial_line_seconds = partial_line_seconds
        self._ready: deque[FileReader] = deque()
        self._replaced: list[FileReader] = []
        self._strays: list[FileReader] = []
        """Their files are not beside their names any more: to be looked for around."""
        self._met = False

    @property
    def has_work(self) -> bool:
        return bool(self._ready)

    @property
    def may_have_moved(self) -> bool:
        """`positions` may answer something else than the last time."""
        return self.changed or bool(self.readers.active or self._replaced or self._strays)

    def add(
        self, path: Path, status: os.stat_result, position: FilePosition, file_set: FileSet, now_ns: int
    ) -> FileReader | None:
        """Read this file on from its position."""
        position.device, position.inode = FileId.of(status)
        reader = FileReader(path, position, self._stream(position, file_set, now_ns), file_set)
        try:
            reader.open()
        except FileReplacedError:
            self.wants_scan = True
            self._known.add(position)
            return None
        except OSError:
            self._known.add(position)
            raise
        self.readers.add(reader)
        self.begun()
        return reader

    def find(self, path: str, read_at: ReadAt) -> FilePosition | None:
        """The lost stream that the file at `path` is a copy of: to be read on there."""
        position = self._lost.take(path, read_at)
        self._replaced = [reader for reader in self._replaced if reader.position is not position]
        return position

    def begun(self) -> None:
        """A stream is new, or goes on elsewhere: to be saved before its first line is sent."""
        self._met = self.changed = True

    def save_met(self) -> None:
        """Before the lines of what was begun are sent."""
        if self._met:
            self._met = False
            self._save()

    def miss(self, reader: FileReader) -> None:
        """The name that it had leads elsewhere, or nowhere. If it leads to a grown copy, the stream goes on there."""
        self.readers.miss(reader)
        with suppress(OSError):
            if reader.has_grown_copy() and FileId.of(reader.path.stat()) not in self.readers:
                self.readers.remove(reader)
                with suppress(FileReplacedError):
                    reader.move_to(reader.path)
                self.readers.add(reader)
                self.readers.call(reader, str(reader.path))
                self.changed = True

    def look(self, reader: FileReader, now: float, now_ns: int, status: os.stat_result | None = None) -> None:
        """See whether the file has changed, and queue it then; `status`: its own, if it is at hand."""
        try:
            changed = reader.look(now, status)
        except (FileReplacedError, FileNotFoundError, NotADirectoryError):
            self._on_replaced(reader, now, now_ns)
            return
        except OSError as error:
            self._reports.tell(reader.path, error)
            return
        if changed:
            self.readers.active.add(reader)
            # What a closed file has now is seen when it is opened: another one may have its inode, name and size.
            if reader.has_more or not reader.is_open:
                self._queue(reader)

    def turn(self, now: float, now_ns: int) -> None:
        """Read one chunk of the file whose turn it is, and ship its lines."""
        reader = self._ready.popleft()
        reader.is_queued = False
        if not self.readers.reads(reader):
            return
        before = reader.read_to
        try:
            if not reader.is_open:
                if not self.readers.open.make_room(now_ns // SECOND_NS):
                    self._queue(reader)
                    return
                reader.open()
            self.readers.open.use(reader)
            reader.look(now)
            lines = reader.read()
        except (FileReplacedError, FileNotFoundError, NotADirectoryError):
            self._on_replaced(reader, now, now_ns)
            return
        except OSError as error:
            self._reports.tell(reader.path, error)
            reader.look_again()
            return
        self._reports.over(reader.path)
        self._counts.lines += len(lines)
        self._counts.bytes += reader.read_to - before
        reader.stream.ship(lines, now_ns)
        self.readers.active.add(reader)
        if reader.has_more:
            self._queue(reader)

    def tick(self, now: float, now_ns: int) -> None:
        """What is due by time: last lines without newline, files that are done."""
        rested = [reader for reader in self.readers.active if now - reader.grown_at >= REST_SECONDS]
        self._cut(reader for reader in rested if now - reader.grown_at >= self._partial_line_seconds)
        for reader in rested:
            if not reader.has_more:
                reader.stream.ship_drops(now_ns)
            if not reader.present and now - reader.grown_at >= ROTATED_REST_SECONDS:
                self._let_go(reader, now)
            elif reader.present and reader.is_idle:
                self.readers.rest(reader)
                self.changed = True
        self._replaced = [reader for reader in self._replaced if not reader.stream.acks.settled]

    def finish(self, now: float, now_ns: int) -> None:
        """Ship what stands without newline at the ends of files that are otherwise done."""
        for reader in self._ready:
            reader.is_queued = False
        self._ready.clear()
        self._cut(self.readers.active)
        for _ in range(len(self._ready)):
            self.turn(now, now_ns)
        self.find_strays(now, now_ns)
        for reader in self.readers.active:
            reader.stream.ship_drops(now_ns)

    def positions(self, now_s: int, *, all_seen: bool) -> list[FilePosition]:
        """Of these files, as far as they are acknowledged. `all_seen`: say of all that they are there now."""
        self.changed = False
        return self.streams(now_s, all_seen=all_seen)

    def streams(self, now_s: int, *, all_seen: bool = False) -> list[FilePosition]:
        """As `positions`, not to save them."""
        moving: Iterable[FileReader] = self.readers if all_seen else self.readers.active
        for reader in (*moving, *self._replaced):
            reader.update_position(now_s)
        return [reader.position for reader in (*self.readers, *self._replaced, *self._strays)]

    def ends(self, now_s: int) -> Iterator[tuple[FilePosition, int]]:
        """These positions, each with the end of the bytes that its stream has or is to read."""
        self.streams(now_s)
        for reader in (*self.readers, *self._replaced, *self._strays):
            yield reader.position, max(reader.size, reader.known_to)

    def let_go_of_named(self, now_s: int) -> list[FilePosition]:
        """Of all files but those that were deleted; returns where they stand."""
        let_go = []
        for reader in tuple(self.readers):
            reader.update_position(now_s)
            if reader.is_deleted():  # who writes to it may go on
                self.readers.miss(reader)
                continue
            let_go.append(reader.position)
            self.readers.open.close(reader)
            self.readers.remove(reader)
        strays, self._strays = self._strays, []  # another tailer looks for them
        return let_go + [reader.position for reader in strays]

    def close(self) -> None:
        for reader in self.readers:
            reader.close()

    def _queue(self, reader: FileReader) -> None:
        if not reader.is_queued:
            reader.is_queued = True
            self._ready.append(reader)

    def _on_replaced(self, reader: FileReader, now: float, now_ns: int) -> None:
        """The file was truncated, or a closed file lost its name. The rest stands in a file beside it, or is gone."""
        self.readers.remove(reader)
        self.wants_scan = self.changed = True
        if self._goes_on_beside(reader):
            self._go_on(reader, now_ns)
            return
        self.readers.open.close(reader)
        if not self._packed.take_up_copy(reader.position, reader.path, reader.file_set, None, now_ns):
            self._strays.append(reader)

    def find_strays(self, now: float, now_ns: int) -> None:
        """Those whose files were not found beside their names: rotation may have moved them to another directory."""
        strays, self._strays = self._strays, []
        if not strays:
            return
        inodes = {reader.file_id.inode for reader in strays}
        around = Around((name for reader in strays for name in _names(reader)), inodes)
        for reader in strays:
            names = _names(reader)
            if self._moves(reader, around.copies(names, reader.file_id.inode)):
                self._go_on(reader, now_ns)
                continue
            # Logs of others in other directories may begin alike.
            is_sure = identifies_copies(reader.position.fingerprint)
            copies = around.packed_copies(names) if is_sure else []
            if not self._packed.take_up_one(copies, reader.position, reader.path, reader.file_set, None, now_ns):
                self._end(reader, now, now_ns)

    def _go_on(self, reader: FileReader, now_ns: int) -> None:
        if not self.readers.open.make_room(now_ns // SECOND_NS):
            reader.close()  # thousands may be rotated at once
        self.readers.add(reader)

    def _end(self, reader: FileReader, now: float, now_ns: int) -> None:
        """Its file is found nowhere."""
        self._lose(reader, now)
        reader.stream.ship(reader.remainder(), now_ns)
        reader.stream.ship_drops(now_ns)
        self._replaced.append(reader)

    def _goes_on_beside(self, reader: FileReader) -> bool:
        directories = {name.parent for name in _names(reader)}
        if self._moves(reader, self._whereabouts(reader)):
            return True
        return self._listings.renew(directories) and self._moves(reader, self._whereabouts(reader))

    def _moves(self, reader: FileReader, places: Iterable[Path]) -> bool:
        for path in places:
            try:
                if FileId.of(path.stat()) in self.readers:
                    continue
                reader.move_to(path)
            except (OSError, FileReplacedError):
                continue
            return True
        return False

    def _whereabouts(self, reader: FileReader) -> Iterator[Path]:
        """Where the file may be by now, or a copy of it."""
        yield from self._held
        names = _names(reader)
        for directory in dict.fromkeys(name.parent for name in names):
            yield from self._listings.of(directory).of_inode(reader.file_id.inode)
            yield from self._listings.of(directory).copies(names)

    def _cut(self, readers: Iterable[FileReader]) -> None:
        due = [reader for reader in readers if reader.rest and reader.stream.acks.settled]
        for reader in due:
            reader.position.cut = reader.read_to + len(reader.rest)
            self._queue(reader)
        if due:
            self._save()

    def _lose(self, reader: FileReader, now: float) -> None:
        """Its file is gone."""
        position, known = reader.position, reader.known()
        if reader.stream.acks.acknowledged == reader.known_to:
            position.offset, position.fingerprint = reader.known_to, known
        self._lost.add(position, reader.known_to, known, now)

    def _let_go(self, reader: FileReader, now: float) -> None:
        if reader.has_more or reader.rest or not reader.stream.acks.settled:
            return
        reader.update_position(reader.position.seen)
        if reader.is_deleted():
            self._lose(reader, now)
        else:
            self._known.add(reader.position)
            with suppress(OSError):  # a closed one may have a name that cannot be looked at
                self._rotated.add(*reader.whereabouts(), reader.file_set, reader.position, reader.grown_at)
        self.readers.open.close(reader)
        self.readers.remove(reader)
        self.changed = True


def _names(reader: FileReader) -> list[Path]:
    """What its file was called, and where links to it led."""
    return list(dict.fromkeys((reader.path, *reader.position.names)))
