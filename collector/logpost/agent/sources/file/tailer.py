"""All files of the sets: it finds what is there, reads it in turn, and remembers it.

Time is passed in. What one call costs follows from what has changed, not from how many files there are; only a scan
looks at all names.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from logpost.agent.delivery.acks import Acks
from logpost.agent.metrics.counts import Counts
from logpost.agent.sources.file.beside import Listings
from logpost.agent.sources.file.books import Books
from logpost.agent.sources.file.file_set import FileSet
from logpost.agent.sources.file.gone import tell_gone
from logpost.agent.sources.file.held import HeldCopies
from logpost.agent.sources.file.known import KnownStreams
from logpost.agent.sources.file.meeting import Meeting
from logpost.agent.sources.file.missed import Log, Missed, logs_of
from logpost.agent.sources.file.open_files import MAX_OPEN_FILES
from logpost.agent.sources.file.packed_files import PackedFiles
from logpost.agent.sources.file.position import FilePosition
from logpost.agent.sources.file.reader import FileId
from logpost.agent.sources.file.reading import Reading
from logpost.agent.sources.file.reports import Reports
from logpost.agent.sources.file.rotated import RotatedFiles
from logpost.agent.sources.file.rotation import SECOND_NS, originals
from logpost.agent.sources.file.taking_up import TakingUp
from logpost.agent.sources.file.unseen import UnseenFiles
from logpost.agent.stages.stream import Sink, Stream


class Tailer:
    """Used by one thread."""

    def __init__(
        self,
        file_sets: Sequence[FileSet],
        known: Sequence[FilePosition],
        *,
        sink: Sink,
        counts: Counts,
        save: Callable[[], None],
        new_id: Callable[[], str],
        partial_line_seconds: float,
        advance: Callable[[], None] = lambda: None,
        saved_ns: int | None = None,
        max_open_files: int = MAX_OPEN_FILES,
    ) -> None:
        """`save`: makes `positions()` durable, before the first line of a new stream is sent. `partial_line_seconds`: a
        line without newline is shipped when its file has not grown for this long. `advance`: called
        while a scan gets on. `saved_ns`: when `known` was saved, by the file system's clock."""
        self._file_sets = file_sets
        self._advance = advance
        self._counts = counts
        self._saved_ns = saved_ns
        self._logs = list(logs_of(file_sets, known))
        were_read = [log.file_set for log in self._logs]
        from_end = [file_set for file_set in file_sets if file_set.start == "end" and file_set not in were_read]

        def stream(position: FilePosition, file_set: FileSet, now_ns: int) -> Stream:
            return file_set.stream(position, Acks(position.offset), sink, counts, now_ns)

        self._reports = reports = Reports()
        self._known = KnownStreams(known)
        self._listings = Listings()
        self._rotated = RotatedFiles(counts)
        self._packed = PackedFiles(self._known, self._listings, reports, stream)
        books = Books(
            known=self._known,
            held=HeldCopies(),
            packed=self._packed,
            rotated=self._rotated,
            listings=self._listings,
            reports=reports,
            counts=counts,
            stream=stream,
            new_id=new_id,
        )
        self._reading = Reading(
            books, save=save, partial_line_seconds=partial_line_seconds, max_open_files=max_open_files
        )
        self._readers = self._reading.readers
        self._meeting = Meeting(self._reading, books, from_end=from_end)
        self._taking_up = TakingUp(self._reading, books)
        self._unseen = UnseenFiles()
        self._turns = 0
        self._hour = -1

    @property
    def wants_scan(self) -> bool:
        """A file was replaced: look for what is there now."""
        return self._reading.wants_scan

    @property
    def has_work(self) -> bool:
        return self._reading.has_work or self._packed.has_work

    @property
    def files(self) -> int:
        return len(self._readers)

    @property
    def may_have_moved(self) -> bool:
        """`positions` may answer something else than the last time, and `tick` may have something to do."""
        return self._reading.may_have_moved or not self._packed.is_empty

    def scan(self, now: float, now_ns: int) -> None:
        """Look at all names: meet new files, miss those that are gone. `now`: monotonic seconds; `now_ns`: Unix."""
        self._reading.wants_scan = False
        self._listings.forget()
        self._unseen.list(self._directories())
        self._meeting.begin_scan()
        for file_set in self._file_sets:
            for path in file_set.rules.find():
                self._advance()
                self._meeting.see(path, file_set, now, now_ns)
        self._reports.unlisted({place: error for one in self._file_sets for place, error in one.rules.unlisted.items()})
        for reader in self._meeting.unseen():
            self._advance()
            self._reading.miss(reader)
            self._reading.look(reader, now, now_ns)
        if self._meeting.is_first:
            self._unseen.list(self._directories())
            self._meeting.meet_known(now, now_ns)
            self._taking_up.missed(self._logs, self._saved_ns, self._meeting, now, now_ns)
        was_first = self._meeting.is_first
        self._meeting.end_scan(now, now_ns)
        if was_first:
            self._tell_gone()
        self._reading.find_strays(now, now_ns)
        self._taking_up.rotated(now, now_ns)
        self._taking_up.unseen(self._unseen_logs(now), self._meeting, now, now_ns)
        self._reading.save_met()

    def touch(self, names: Iterable[Path], paths: Iterable[Path], now: float, now_ns: int) -> None:
        """Files under these `names` may have come, moved or gone; those at these `paths` may have changed."""
        self._listings.forget()
        named = [str(name) for name in names]
        for name in named:
            reader = self._readers.at(name)
            if reader is not None and not _leads_to(name, reader.file_id):
                self._reading.miss(reader)
        for path in (*named, *map(str, paths)):
            reader = self._readers.at(path)
            if reader is not None:
                self._reading.look(reader, now, now_ns)
            elif (file_set := self._file_set_of(path)) is not None:
                self._meeting.see(path, file_set, now, now_ns)
        self._meeting.meet(now, now_ns)
        for reader in self._readers.missing():
            self._reading.look(reader, now, now_ns)
        self._reading.save_met()

    def turn(self, now: float, now_ns: int) -> None:
        """Read one chunk of the file whose turn it is, and ship its lines."""
        self._turns += 1
        if self._packed.has_work and (self._turns % 2 or not self._reading.has_work):
            self._counts.lines += self._packed.turn(now_ns)
        else:
            self._reading.turn(now, now_ns)

    def tick(self, now: float, now_ns: int) -> None:
        """What is due by time: last lines without newline, files that are done."""
        self._reading.tick(now, now_ns)
        for position in self._packed.take_settled(now_ns // SECOND_NS):
            self._known.add(position)
            self._reading.changed = True

    def measure(self) -> None:
        """Bring the counts that are not added up as things happen up to date."""
        self._counts.files = len(self._readers)
        self._counts.files_open = len(self._readers.open)
        self._counts.files_rotated = len(self._rotated)
        self._counts.backlog_bytes = sum(reader.backlog for reader in self._readers.active)

    def finish(self, now: float, now_ns: int) -> None:
        """Ship what stands without newline at the ends of files that are otherwise done."""
        self._reading.finish(now, now_ns)

    def hand_over(self, now_s: int) -> tuple[list[FilePosition], Reading]:
        """Where all streams stand that another tailer can go on with, and the reading of the others."""
        packed = self._packed.positions(now_s)
        self._packed.close()
        return [*self._reading.let_go_of_named(now_s), *packed, *self._known.all()], self._reading

    def close(self) -> None:
        self._reading.close()
        self._packed.close()

    def positions(self, now_s: int) -> list[FilePosition]:
        """Of all streams, as far as they are acknowledged."""
        is_new_hour = now_s // 3600 != self._hour  # when files were last there is kept by the hour
        if is_new_hour:
            self._hour = now_s // 3600
            self._known.forget_expired(now_s)
        reading = self._reading.positions(now_s, all_seen=is_new_hour)
        return [*reading, *self._packed.positions(now_s), *self._known.all()]

    def _tell_gone(self) -> None:
        self._counts.files_gone += tell_gone(self._known.missed(), {log.path for log in self._logs})
        self._reading.changed = True

    def _directories(self) -> set[str]:
        """Where logs are, and where rotation leaves what it makes of them."""
        found = {directory for file_set in self._file_sets for directory in file_set.rules.directories}
        return found | {os.path.dirname(target) for target in self._readers.targets}  # noqa: PTH120 - every second

    def _unseen_logs(self, now: float) -> Iterator[Missed]:
        for path, status in self._unseen.found(now, self._is_read):
            log = self._log_of(path)
            if log is not None:
                yield Missed(Path(path), status, log, None)

    def _is_read(self, status: os.stat_result) -> bool:
        return self._meeting.is_met(status) or FileId.of(status) in self._rotated

    def _log_of(self, path: str) -> Log | None:
        """What a file that no set names may have been, under a name that one does."""
        if self._file_set_of(path) is not None:
            return None
        for name in originals(path):
            file_set = self._file_set_of(name)
            if file_set is not None and file_set.rules.allows(path):
                return Log(Path(name), Path(name), file_set)
            reader = self._readers.targets.get(name)
            if reader is not None and reader.file_set.rules.allows(path):
                return Log(Path(name), reader.path, reader.file_set)
        return None

    def _file_set_of(self, path: str) -> FileSet | None:
        return next((file_set for file_set in self._file_sets if file_set.rules.matches(path)), None)


def _leads_to(name: str, file: FileId) -> bool:
    try:
        return FileId.of(Path(name).stat()) == file
    except OSError:
        return False
