"""The files that are read: found, told apart, read in turn, and let go when they are gone and done.

Time is passed in. A line without newline at the end of a file waits until the file has rested; then the place is saved
as a cut and the line is shipped, so that it is cut there again if it must be sent again.
"""

from __future__ import annotations

import logging
import os
import stat
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from logpost.agent.acks import Acks
from logpost.agent.fingerprint import HEAD_BYTES, ReadAt, fingerprint
from logpost.agent.known import KnownStreams
from logpost.agent.metrics import Counts
from logpost.agent.paths import files_beside
from logpost.agent.positions import FilePosition, new_position
from logpost.agent.reader import FileId, FileReader, FileReplacedError, reading
from logpost.agent.source import Source
from logpost.agent.stream import Sink

REST_SECONDS = 1.0
"""A line without newline is shipped when its file has not grown for this long."""
ROTATED_REST_SECONDS = 10.0
"""A file that was renamed away or deleted is let go when it has not grown for this long."""
MAX_OPEN_FILES = 512


class Tailer:
    """Used by one thread."""

    def __init__(
        self,
        sources: Sequence[Source],
        known: Iterable[FilePosition],
        *,
        sink: Sink,
        counts: Counts,
        save: Callable[[], None],
        new_id: Callable[[], str],
        max_open_files: int = MAX_OPEN_FILES,
    ) -> None:
        """`save`: makes `positions()` durable, before the first line of a new stream is sent."""
        self._sources = sources
        self._known = KnownStreams(known)
        self._known_paths = self._known.paths()
        self._from_end = [source for source in sources if source.start == "end" and not self._was_read(source)]
        """Sources whose files that are there at their first scan are read from their end."""
        self._sink = sink
        self._counts = counts
        self._save = save
        self._new_id = new_id
        self._max_open_files = max_open_files
        self._log = logging.getLogger("agent")
        self._readers: dict[FileId, FileReader] = {}
        self._by_path: dict[Path, FileReader] = {}
        self._ready: deque[FileReader] = deque()
        self._replaced: list[FileReader] = []
        self._copies: list[Path] = []
        self._reported: set[Path] = set()
        self._scanned = False
        self._met = False
        self.wants_scan = True
        """A file was replaced: look for what is there now."""

    @property
    def has_work(self) -> bool:
        return bool(self._ready)

    @property
    def files(self) -> int:
        return len(self._readers)

    def scan(self, now: float, now_ns: int) -> None:
        """Look at all names: meet new files, miss those that are gone. `now`: monotonic seconds; `now_ns`: Unix."""
        self.wants_scan = False
        self._copies = []
        seen: set[FileId] = set()
        for source in self._sources:
            for path in source.rules.find():
                self._see(path, source, seen, now, now_ns)
        for file_id, reader in self._readers.items():
            reader.present = file_id in seen
        if not self._scanned:
            self._find_rotated(now_ns)
            self._scanned = True
            self._from_end = []
        self._by_path = {reader.path: reader for reader in self._readers.values()}
        for reader in list(self._readers.values()):
            self._look(reader, now, now_ns)
        if self._met:
            self._met = False
            self._save()

    def touch(self, paths: Iterable[Path], now: float, now_ns: int) -> None:
        """These files may have changed."""
        for path in paths:
            reader = self._by_path.get(path)
            if reader is not None and self._readers.get(reader.file_id) is reader:
                self._look(reader, now, now_ns)
        for reader in [reader for reader in self._readers.values() if not reader.present]:
            self._look(reader, now, now_ns)

    def turn(self, now: float, now_ns: int) -> None:
        """Read one chunk of the file whose turn it is, and ship its lines."""
        reader = self._ready.popleft()
        if self._readers.get(reader.file_id) is not reader:
            return
        before = reader.read_to
        try:
            if not reader.is_open:
                if not self._make_room(now_ns):
                    self._ready.append(reader)
                    return
                reader.open()
            reader.look(now)
            lines = reader.read()
        except (FileReplacedError, FileNotFoundError):
            self._on_replaced(reader, now_ns)
            return
        except OSError as error:
            self._report(reader.path, error)
            reader.look_again()
            return
        self._counts.lines += len(lines)
        self._counts.bytes += reader.read_to - before
        reader.stream.ship(lines, now_ns)
        if reader.has_more:
            self._ready.append(reader)

    def tick(self, now: float, now_ns: int) -> None:
        """What is due by time: last lines without newline, files that are done."""
        rested = [reader for reader in self._readers.values() if now - reader.grown_at >= REST_SECONDS]
        self._cut(reader for reader in rested if reader.rest and reader.stream.acks.settled)
        for reader in rested:
            if not reader.has_more:
                reader.stream.ship_drops(now_ns)
            if not reader.present and now - reader.grown_at >= ROTATED_REST_SECONDS:
                self._let_go(reader)
        self._replaced = [reader for reader in self._replaced if not reader.stream.acks.settled]

    def measure(self) -> None:
        """Bring the counts that are not added up as things happen up to date."""
        self._counts.files_open = sum(reader.is_open for reader in self._readers.values())
        self._counts.backlog_bytes = sum(reader.backlog for reader in self._readers.values())

    def finish(self, now: float, now_ns: int) -> None:
        """Ship what stands without newline at the ends of files that are otherwise done."""
        self._ready.clear()
        self._cut(reader for reader in self._readers.values() if reader.rest and reader.stream.acks.settled)
        for _ in range(len(self._ready)):
            self.turn(now, now_ns)
        for reader in self._readers.values():
            reader.stream.ship_drops(now_ns)

    def close(self) -> None:
        for reader in self._readers.values():
            reader.close()

    def positions(self, now_s: int) -> list[FilePosition]:
        """Of all streams, as far as they are acknowledged."""
        self._known.forget_expired(now_s)
        reading = [*self._readers.values(), *self._replaced]
        for reader in reading:
            reader.update_position(now_s)
        return [*(reader.position for reader in reading), *self._known.all()]

    def _see(self, path: Path, source: Source, seen: set[FileId], now: float, now_ns: int) -> None:
        try:
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):
                return
            file_id = FileId.of(status)
            if file_id in seen:
                return
            seen.add(file_id)
            reader = self._readers.get(file_id)
            if reader is not None:
                reader.path = path
            elif status.st_size:
                # An empty file has no stream yet: nothing would tell it from the next file with its inode.
                self._meet(path, status, source, now, now_ns)
        except FileNotFoundError:
            return  # gone between the listing and now
        except OSError as error:
            self._report(path, error)

    def _meet(self, path: Path, status: os.stat_result, source: Source, now: float, now_ns: int) -> None:
        if not self._make_room(now_ns):
            return
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            read_at = reading(fd)
            status = os.fstat(fd)
            position = self._known.take(status, read_at)
            if position is None:
                if self._is_copy(path, read_at, status.st_size, now, now_ns):
                    return
                offset = status.st_size if source in self._from_end else 0
                position = new_position(self._new_id(), path, status, offset, fingerprint(read_at, offset))
        finally:
            os.close(fd)
        self._add(path, position, source, now_ns, present=True)

    def _add(self, path: Path, position: FilePosition, source: Source, now_ns: int, *, present: bool) -> None:
        stream = source.stream(position, Acks(position.offset), self._sink, self._counts, now_ns)
        reader = FileReader(path, position, stream, limit=source.max_line_bytes)
        try:
            reader.open()
        except FileReplacedError:
            self.wants_scan = True
            self._known.add(position)
            return
        except OSError:
            self._known.add(position)
            raise
        reader.present = present
        self._readers[reader.file_id] = reader
        self._met = True

    def _is_copy(self, path: Path, read_at: ReadAt, size: int, now: float, now_ns: int) -> bool:
        """The file is a copy of one that is being read, which is truncated next: the copy is read on then, not anew."""
        head = read_at(0, HEAD_BYTES)
        if len(head) < HEAD_BYTES:
            return False
        for reader in [reader for reader in self._readers.values() if reader.head == head]:
            self._look(reader, now, now_ns)  # it may be truncated already: then it goes on in this copy
            if reader.path == path:
                return True
            if reader.is_copied_by(size, read_at):
                self._copies.append(path)
                return True
        return False

    def _was_read(self, source: Source) -> bool:
        """An earlier run has read files of this source."""
        return any(source.rules.matches(Path(path)) for path in self._known_paths)

    def _find_rotated(self, now_ns: int) -> None:
        """Files that were renamed or copied away while the agent was not running, and not read to their end."""
        directories: dict[Path, tuple[Path, Source]] = {}
        for known in map(Path, self._known_paths):
            source = next((source for source in self._sources if source.rules.matches(known)), None)
            if source is not None:
                directories[known.parent] = known, source
        for known, source in directories.values():
            for path in files_beside(known):
                with suppress(OSError):  # nobody asked for this file
                    self._resume(path, source, now_ns)

    def _resume(self, path: Path, source: Source, now_ns: int) -> None:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            status = os.fstat(fd)
            if FileId.of(status) in self._readers:
                return
            position = self._known.take(status, reading(fd))
        finally:
            os.close(fd)
        if position is None:
            return
        if status.st_size == position.offset:
            self._known.add(position)
            return
        self._add(path, position, source, now_ns, present=False)

    def _look(self, reader: FileReader, now: float, now_ns: int) -> None:
        try:
            changed = reader.look(now)
        except (FileReplacedError, FileNotFoundError):
            self._on_replaced(reader, now_ns)
            return
        except OSError as error:
            self._report(reader.path, error)
            return
        if changed and reader.has_more and reader not in self._ready:
            self._ready.append(reader)

    def _on_replaced(self, reader: FileReader, now_ns: int) -> None:
        """The file was truncated, or a parked file lost its name. The rest stands in a file beside it, or is gone."""
        del self._readers[reader.file_id]
        self.wants_scan = True
        for path in [*self._copies, *files_beside(reader.path)]:
            try:
                if FileId.of(path.stat()) in self._readers:
                    continue
                reader.move_to(path)
            except (OSError, FileReplacedError):
                continue
            reader.present = False
            self._readers[reader.file_id] = reader
            return
        reader.stream.ship(reader.remainder(), now_ns)
        reader.close()
        self._replaced.append(reader)

    def _cut(self, readers: Iterable[FileReader]) -> None:
        due = list(readers)
        for reader in due:
            reader.position.cut = reader.read_to + len(reader.rest)
            self._ready.append(reader)
        if due:
            self._save()

    def _let_go(self, reader: FileReader) -> None:
        if reader.has_more or reader.rest or not reader.stream.acks.settled:
            return
        reader.update_position(reader.position.seen)
        if not reader.is_deleted():
            self._known.add(reader.position)
        reader.close()
        del self._readers[reader.file_id]

    def _make_room(self, now_ns: int) -> bool:
        """Close a file that rests, if too many are open; it is opened again when it changes."""
        opened = [reader for reader in self._readers.values() if reader.is_open]
        if len(opened) < self._max_open_files:
            return True
        settled = [reader for reader in opened if reader.present and reader.stream.acks.settled]
        if not settled:
            return False
        oldest = min(settled, key=lambda reader: reader.grown_at)
        oldest.update_position(now_ns // 1_000_000_000)
        oldest.close()
        return True

    def _report(self, path: Path, error: OSError) -> None:
        if path not in self._reported:
            self._reported.add(path)
            self._log.warning("%s is not read: %s", path, error.strerror)
