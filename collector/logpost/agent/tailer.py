"""The files that are read: told apart, read in turn, and let go when they are gone and done.

Time is passed in. What one call costs follows from what has changed, not from how many files there are; only a scan
looks at all names.

A line without newline at the end of a file waits until the file has rested; then the place is saved as a cut and the
line is shipped, so that it is cut there again if it must be sent again.
"""

from __future__ import annotations

import logging
import os
import stat
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from logpost.agent.acks import Acks
from logpost.agent.beside import Listings
from logpost.agent.file_names import as_one_line
from logpost.agent.fingerprint import ReadAt, fingerprint
from logpost.agent.held import HeldCopies, is_copy
from logpost.agent.known import KnownStreams
from logpost.agent.metrics import Counts
from logpost.agent.missed import Missed, MissedFiles, logs_of
from logpost.agent.open_files import MAX_OPEN_FILES
from logpost.agent.opening import bytes_of, refuse_other_kinds
from logpost.agent.packed import PackedReader, Unpacked
from logpost.agent.packed_files import PackedFiles, unread_copy
from logpost.agent.positions import FilePosition, new_position
from logpost.agent.reader import FileId, FileReader, FileReplacedError
from logpost.agent.readers import Readers
from logpost.agent.rotated import ROTATED_SECONDS, RotatedFiles
from logpost.agent.rotation import originals
from logpost.agent.source import Source
from logpost.agent.stream import Sink, Stream

REST_SECONDS = 1.0
"""What the rate limit dropped is told when a file has not grown for this long."""
ROTATED_REST_SECONDS = 10.0
"""A file that was renamed away or deleted is closed when it has not grown for this long."""
MAX_REPORTED = 1000
"""Files that a warning was given for; none is given for more."""
SECOND_NS = 1_000_000_000


class Tailer:
    """Used by one thread."""

    def __init__(
        self,
        sources: Sequence[Source],
        known: Sequence[FilePosition],
        *,
        sink: Sink,
        counts: Counts,
        save: Callable[[], None],
        new_id: Callable[[], str],
        partial_line_seconds: float,
        saved_ns: int | None = None,
        max_open_files: int = MAX_OPEN_FILES,
    ) -> None:
        """`save`: makes `positions()` durable, before the first line of a new stream is sent. `partial_line_seconds`: a
        line without newline is shipped when its file has not grown for this long. `saved_ns`: when `known` was saved,
        by the file system's clock."""
        self._sources = sources
        self._known = KnownStreams(known)
        self._logs = list(logs_of(sources, known))
        self._saved_ns = saved_ns
        were_read = [log.source for log in self._logs]
        self._from_end = [source for source in sources if source.start == "end" and source not in were_read]
        """Sources whose files that are there at their first scan are read from their end."""
        self._sink = sink
        self._counts = counts
        self._save = save
        self._new_id = new_id
        self._partial_line_seconds = partial_line_seconds
        self._log = logging.getLogger("agent")
        self._readers = Readers(max_open_files)
        self._ready: deque[FileReader] = deque()
        self._replaced: list[FileReader] = []
        self._rotated = RotatedFiles(counts)
        self._held = HeldCopies()
        self._packed = PackedFiles()
        self._unknown: dict[FileId, tuple[str, Source]] = {}
        self._listings = Listings()
        self._reported: set[Path] = set()
        self._scan = 0
        self._turns = 0
        self._hour = -1
        self._met = False
        self._changed = False
        self.wants_scan = True
        """A file was replaced: look for what is there now."""

    @property
    def has_work(self) -> bool:
        return bool(self._ready) or self._packed.has_work

    @property
    def files(self) -> int:
        return len(self._readers)

    @property
    def may_have_moved(self) -> bool:
        """`positions` may answer something else than the last time."""
        return self._changed or bool(self._readers.active or self._replaced) or not self._packed.is_empty

    def scan(self, now: float, now_ns: int) -> None:
        """Look at all names: meet new files, miss those that are gone. `now`: monotonic seconds; `now_ns`: Unix."""
        self.wants_scan = False
        self._scan += 1
        self._listings = Listings()
        for source in self._sources:
            for path in source.rules.find():
                self._see(path, source, now, now_ns)
        for reader in [reader for reader in self._readers if reader.scan != self._scan]:
            self._readers.miss(reader)
            self._look(reader, now, now_ns)
        if self._scan == 1:
            # Inodes are surer than names: what has kept its own is met before copies are looked for.
            self._meet([file for file in self._unknown if self._known.knows(file)], now, now_ns)
            self._take_up_missed(now, now_ns)
        self._held.keep(self._unknown)
        self._meet(list(self._unknown), now, now_ns)
        self._from_end = []
        for rotated, source in self._rotated.changed(now):
            self._resume(rotated, source, now, now_ns)
        for gone in self._rotated.take_gone():
            self._take_up_compressed(gone.position, gone.path, gone.source, gone.written_ns, now_ns)
        self._save_met()

    def touch(self, names: Iterable[Path], paths: Iterable[Path], now: float, now_ns: int) -> None:
        """Files under these `names` may have come, moved or gone; those at these `paths` may have changed."""
        self._listings = Listings()
        named = [str(name) for name in names]
        for name in named:
            reader = self._readers.at(name)
            if reader is not None and not _leads_to(name, reader.file_id):
                self._readers.miss(reader)
        for path in (*named, *map(str, paths)):
            reader = self._readers.at(path)
            if reader is not None:
                self._look(reader, now, now_ns)
            elif (source := self._source_of(path)) is not None:
                self._see(path, source, now, now_ns)
        self._meet(list(self._unknown), now, now_ns)
        for reader in self._readers.missing():
            self._look(reader, now, now_ns)
        self._save_met()

    def turn(self, now: float, now_ns: int) -> None:
        """Read one chunk of the file whose turn it is, and ship its lines."""
        self._turns += 1
        if self._packed.has_work and (self._turns % 2 or not self._ready):
            self._counts.lines += self._packed.turn(now_ns)
        else:
            self._turn_of_file(now, now_ns)

    def _turn_of_file(self, now: float, now_ns: int) -> None:
        reader = self._ready.popleft()
        reader.is_queued = False
        if not self._readers.reads(reader):
            return
        before = reader.read_to
        try:
            if not reader.is_open:
                if not self._readers.open.make_room(now_ns // SECOND_NS):
                    self._queue(reader)
                    return
                reader.open()
            self._readers.open.use(reader)
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
        self._readers.active.add(reader)
        if reader.has_more:
            self._queue(reader)

    def tick(self, now: float, now_ns: int) -> None:
        """What is due by time: last lines without newline, files that are done."""
        rested = [reader for reader in self._readers.active if now - reader.grown_at >= REST_SECONDS]
        self._cut(reader for reader in rested if now - reader.grown_at >= self._partial_line_seconds)
        for reader in rested:
            if not reader.has_more:
                reader.stream.ship_drops(now_ns)
            if not reader.present and now - reader.grown_at >= ROTATED_REST_SECONDS:
                self._let_go(reader)
            elif reader.present and reader.is_idle:
                self._readers.rest(reader)
                self._changed = True
        self._replaced = [reader for reader in self._replaced if not reader.stream.acks.settled]
        for position in self._packed.take_settled(now_ns // SECOND_NS):
            self._known.add(position)
            self._changed = True

    def measure(self) -> None:
        """Bring the counts that are not added up as things happen up to date."""
        self._counts.files = len(self._readers)
        self._counts.files_open = len(self._readers.open)
        self._counts.files_rotated = len(self._rotated)
        self._counts.backlog_bytes = sum(reader.backlog for reader in self._readers.active)

    def finish(self, now: float, now_ns: int) -> None:
        """Ship what stands without newline at the ends of files that are otherwise done."""
        for reader in self._ready:
            reader.is_queued = False
        self._ready.clear()
        self._cut(self._readers.active)
        for _ in range(len(self._ready)):
            self._turn_of_file(now, now_ns)
        for reader in self._readers.active:
            reader.stream.ship_drops(now_ns)

    def close(self) -> None:
        for reader in self._readers:
            reader.close()
        self._packed.close()

    def positions(self, now_s: int) -> list[FilePosition]:
        """Of all streams, as far as they are acknowledged."""
        self._changed = False
        moving: Iterable[FileReader] = self._readers.active
        if now_s // 3600 != self._hour:  # when files were last there is kept by the hour
            self._hour = now_s // 3600
            self._known.forget_expired(now_s)
            moving = self._readers
        for reader in (*moving, *self._replaced):
            reader.update_position(now_s)
        reading = [reader.position for reader in (*self._readers, *self._replaced)]
        return [*reading, *self._packed.positions(now_s), *self._known.all()]

    def _see(self, path: str, source: Source, now: float, now_ns: int) -> None:
        try:
            status = os.stat(path)  # noqa: PTH116 - for every file, every second
            if not stat.S_ISREG(status.st_mode):
                if not stat.S_ISDIR(status.st_mode):
                    refuse_other_kinds(status, Path(path))
                return
        except FileNotFoundError:
            return  # gone between the listing and now
        except OSError as error:
            self._report(Path(path), error)
            return
        file = FileId(status.st_dev, status.st_ino)
        reader = self._readers.of(file)
        if reader is not None:
            if reader.scan != self._scan or not reader.present:
                reader.scan = self._scan
                self._readers.call(reader, path)
            self._look(reader, now, now_ns, status)
        elif status.st_size:
            # An empty file has no stream yet: nothing would tell it from the next file with its inode.
            self._unknown.setdefault(file, (path, source))

    def _source_of(self, path: str) -> Source | None:
        return next((source for source in self._sources if source.rules.matches(path)), None)

    def _meet(self, files: Iterable[FileId], now: float, now_ns: int) -> None:
        """Read these of the files that are unknown so far."""
        for file in files:
            path, source = self._unknown.pop(file)
            if file in self._readers:
                continue  # a log that was truncated goes on in it
            try:
                self._meet_one(Path(path), source, now, now_ns)
            except FileNotFoundError:
                continue
            except OSError as error:
                self._report(Path(path), error)

    def _meet_one(self, path: Path, source: Source, now: float, now_ns: int) -> None:
        if not self._readers.open.make_room(now_ns // SECOND_NS):
            return
        with bytes_of(path) as (read_at, status):
            position = self._known.take(status, read_at)
            if position is None and self._scan == 1:
                position = self._known.take_copy(str(path), read_at, status.st_mtime_ns, any_name=False)
            if position is None:
                if self._is_held(path, read_at, status, now):
                    return
                offset = status.st_size if source in self._from_end else 0
                position = new_position(self._new_id(), path, status, offset, fingerprint(read_at, offset))
        reader = self._add(path, status, position, source, now_ns)
        if reader is not None:
            reader.scan = self._scan
            self._readers.call(reader, str(path))
            self._look(reader, now, now_ns)

    def _is_held(self, path: Path, read_at: ReadAt, status: os.stat_result, now: float) -> bool:
        """The file is a copy of one that is being read, which may be truncated next: then it is read on, not anew."""
        copied = any(self._is_copy(Path(name), read_at, status.st_size) for name in originals(str(path)))
        return copied and self._held.holds(FileId.of(status), path, status.st_size, now)

    def _is_copy(self, log: Path, read_at: ReadAt, size: int) -> bool:
        reader = self._readers.at(str(log))
        return reader is not None and is_copy(reader, read_at, size)

    def _add(
        self, path: Path, status: os.stat_result, position: FilePosition, source: Source, now_ns: int
    ) -> FileReader | None:
        """Read this file on from its position."""
        position.device, position.inode = FileId.of(status)
        reader = FileReader(path, position, self._stream(position, source, now_ns), source)
        try:
            reader.open()
        except FileReplacedError:
            self.wants_scan = True
            self._known.add(position)
            return None
        except OSError:
            self._known.add(position)
            raise
        self._readers.add(reader)
        self._met = self._changed = True
        return reader

    def _stream(self, position: FilePosition, source: Source, now_ns: int) -> Stream:
        return source.stream(position, Acks(position.offset), self._sink, self._counts, now_ns)

    def _take_up_missed(self, now: float, now_ns: int) -> None:
        """What was rotated while the agent was not running, and not read to its end."""
        missed_files = MissedFiles(
            self._known,
            self._logs,
            saved_ns=self._saved_ns,
            is_met=lambda status: FileId.of(status) in self._readers or FileId.of(status) in self._unknown,
            is_copy=self._is_copy,
        )
        for missed in missed_files:
            try:
                if missed.is_packed:
                    self._take_up_packed(missed, now_ns)
                else:
                    self._take_up(missed, now, now_ns)
            except OSError as error:
                self._report(missed.path, error)

    def _take_up(self, missed: Missed, now: float, now_ns: int) -> None:
        path, status, position = missed.path, missed.status, missed.position
        if position is None:
            with bytes_of(path) as (read_at, _):
                position = new_position(self._new_id(), missed.log.name, status, 0, fingerprint(read_at, 0))
        elif status.st_size == position.offset:
            position.device, position.inode = FileId.of(status)
            self._known.add(position)
            rested = max(0.0, (now_ns - status.st_mtime_ns) / SECOND_NS)
            if rested < ROTATED_SECONDS:
                self._rotated.add(path, status, missed.log.source, position, now - rested)
            return
        reader = self._add(path, status, position, missed.log.source, now_ns)
        if reader is not None:
            self._look(reader, now, now_ns)

    def _take_up_packed(self, missed: Missed, now_ns: int) -> None:
        position = missed.position
        unpacked = Unpacked(missed.path)
        try:
            if position is None:
                begun = fingerprint(unpacked.read_at, 0)
                position = new_position(self._new_id(), missed.log.name, missed.status, 0, begun)
            stream = self._stream(position, missed.log.source, now_ns)
            limit = missed.log.source.max_line_bytes
            self._packed.add(PackedReader(missed.path, unpacked, position, stream, limit=limit))
        except OSError:
            unpacked.close()
            if position is not None:
                self._known.add(position)
            raise
        self._met = self._changed = True

    def _take_up_compressed(
        self, position: FilePosition, path: Path, source: Source, read_ns: int | None, now_ns: int
    ) -> bool:
        """The file that was at `path` is gone: what nobody has read of it may stand in a compressed copy."""
        names = [path, *position.names]
        directories = list(dict.fromkeys(name.parent for name in names))
        self._listings.renew(directories)
        copies = [copy for directory in directories for copy in self._listings.of(directory).packed_copies(names)]
        try:
            copies = [copy for copy in copies if not self._is_taken_up(copy.stat())]
            found = unread_copy(copies, position, read_ns)
            if found is None:
                return False
            stream = self._stream(position, source, now_ns)
            self._packed.add(PackedReader(*found, position, stream, limit=source.max_line_bytes))
        except OSError as error:
            self._report(Path(error.filename or path), error)
            return False
        self._known.forget(position)
        self._changed = True
        return True

    def _is_taken_up(self, packed: os.stat_result) -> bool:
        return self._packed.reads(packed) or self._known.has_packed(packed)

    def _resume(self, path: Path, source: Source, now: float, now_ns: int) -> None:
        """A rotated file has grown."""
        try:
            with bytes_of(path) as (read_at, status):
                position = self._known.take(status, read_at)
            reader = self._add(path, status, position, source, now_ns) if position is not None else None
        except OSError as error:
            self._report(path, error)
            return
        if reader is not None:
            self._look(reader, now, now_ns)

    def _look(self, reader: FileReader, now: float, now_ns: int, status: os.stat_result | None = None) -> None:
        try:
            changed = reader.look(now, status)
        except (FileReplacedError, FileNotFoundError):
            self._on_replaced(reader, now_ns)
            return
        except OSError as error:
            self._report(reader.path, error)
            return
        if changed:
            self._readers.active.add(reader)
            if reader.has_more:
                self._queue(reader)

    def _queue(self, reader: FileReader) -> None:
        if not reader.is_queued:
            reader.is_queued = True
            self._ready.append(reader)

    def _on_replaced(self, reader: FileReader, now_ns: int) -> None:
        """The file was truncated, or a closed file lost its name. The rest stands in a file beside it, or is gone."""
        self._readers.remove(reader)
        self.wants_scan = self._changed = True
        if self._goes_on_beside(reader):
            self._readers.add(reader)
            return
        self._readers.open.close(reader)
        if self._take_up_compressed(reader.position, reader.path, reader.source, reader.read_ns, now_ns):
            return
        reader.stream.ship(reader.remainder(), now_ns)
        self._replaced.append(reader)

    def _goes_on_beside(self, reader: FileReader) -> bool:
        directories = {name.parent for name in (reader.path, *reader.position.names)}
        return self._moves(reader) or (self._listings.renew(directories) and self._moves(reader))

    def _moves(self, reader: FileReader) -> bool:
        for path in self._whereabouts(reader):
            try:
                if FileId.of(path.stat()) in self._readers:
                    continue
                reader.move_to(path)
            except (OSError, FileReplacedError):
                continue
            return True
        return False

    def _whereabouts(self, reader: FileReader) -> Iterator[Path]:
        """Where the file may be by now, or a copy of it."""
        yield from self._held
        names = [reader.path, *reader.position.names]
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

    def _let_go(self, reader: FileReader) -> None:
        if reader.has_more or reader.rest or not reader.stream.acks.settled:
            return
        reader.update_position(reader.position.seen)
        if not reader.is_deleted():
            self._known.add(reader.position)
            self._rotated.add(*reader.whereabouts(), reader.source, reader.position, reader.grown_at)
        self._readers.open.close(reader)
        self._readers.remove(reader)
        self._changed = True

    def _save_met(self) -> None:
        if self._met:
            self._met = False
            self._save()

    def _report(self, path: Path, error: OSError) -> None:
        if path not in self._reported and len(self._reported) < MAX_REPORTED:
            self._reported.add(path)
            self._log.warning("%s is not read: %s", as_one_line(path), error.strerror)


def _leads_to(name: str, file: FileId) -> bool:
    try:
        return FileId.of(Path(name).stat()) == file
    except OSError:
        return False
