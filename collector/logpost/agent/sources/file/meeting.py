"""Files that a set names and that are not read yet: known from before, copies of others, or new."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

from logpost.agent.sources.file.books import Books
from logpost.agent.sources.file.file_set import FileSet
from logpost.agent.sources.file.fingerprint import ReadAt, fingerprint
from logpost.agent.sources.file.held import is_copy
from logpost.agent.sources.file.opening import bytes_of, refuse_other_kinds
from logpost.agent.sources.file.position import new_position
from logpost.agent.sources.file.reader import FileId, FileReader
from logpost.agent.sources.file.reading import Reading
from logpost.agent.sources.file.rotation import SECOND_NS, originals


class Meeting:
    """Used by one thread."""

    def __init__(self, reading: Reading, books: Books, *, from_end: Sequence[FileSet]) -> None:
        """`from_end`: sets whose files that are there at the first scan are read from their end."""
        self._reading = reading
        self._readers = reading.readers
        self._known = books.known
        self._held = books.held
        self._reports = books.reports
        self._new_id = books.new_id
        self._from_end = from_end
        self._unknown: dict[FileId, tuple[str, FileSet]] = {}
        self._scan = 0

    @property
    def is_first(self) -> bool:
        """This is the first scan."""
        return self._scan == 1

    def begin_scan(self) -> None:
        self._scan += 1

    def end_scan(self, now: float, now_ns: int) -> None:
        self._held.keep(self._unknown)
        self.meet(now, now_ns)
        self._from_end = ()

    def unseen(self) -> list[FileReader]:
        """Those whose files this scan has not found."""
        return [reader for reader in self._readers if reader.scan != self._scan]

    def see(self, path: str, file_set: FileSet, now: float, now_ns: int) -> None:
        """The name is there."""
        try:
            status = os.stat(path)  # noqa: PTH116 - for every file, every second
            if not stat.S_ISREG(status.st_mode):
                if not stat.S_ISDIR(status.st_mode):
                    refuse_other_kinds(status, Path(path))
                return
        except FileNotFoundError:
            return  # gone between the listing and now
        except OSError as error:
            self._reports.tell(Path(path), error)
            return
        file = FileId(status.st_dev, status.st_ino)
        reader = self._readers.of(file)
        if reader is not None:
            if reader.scan != self._scan or not reader.present:
                reader.scan = self._scan
                self._readers.call(reader, path)
            self._reading.look(reader, now, now_ns, status)
        elif status.st_size:
            # An empty file has no stream yet: nothing would tell it from the next file with its inode.
            self._unknown.setdefault(file, (path, file_set))

    def meet(self, now: float, now_ns: int) -> None:
        """Read the files that were seen and are unknown so far."""
        self._meet(list(self._unknown), now, now_ns)

    def meet_known(self, now: float, now_ns: int) -> None:
        """Only those that have kept their inode: inodes are surer than names, so they come before copies."""
        self._meet([file for file in self._unknown if self._known.knows(file)], now, now_ns)

    def is_met(self, status: os.stat_result) -> bool:
        """The file is read, or was seen under a name of its own."""
        file = FileId.of(status)
        return file in self._readers or file in self._unknown

    def is_copy(self, log: Path, read_at: ReadAt, size: int) -> bool:
        """These bytes, of that size, are those of the log as it is read now."""
        reader = self._readers.at(str(log))
        return reader is not None and is_copy(reader, read_at, size)

    def _meet(self, files: Iterable[FileId], now: float, now_ns: int) -> None:
        """Read these of the files that are unknown so far."""
        for file in files:
            path, file_set = self._unknown.pop(file)
            if file in self._readers:
                continue  # a log that was truncated goes on in it
            try:
                self._meet_one(Path(path), file_set, now, now_ns)
            except FileNotFoundError:
                continue
            except OSError as error:
                self._reports.tell(Path(path), error)

    def _meet_one(self, path: Path, file_set: FileSet, now: float, now_ns: int) -> None:
        if not self._readers.open.make_room(now_ns // SECOND_NS):
            return
        with bytes_of(path) as (read_at, status):
            position = self._known.take(status, read_at)
            if position is None:
                # Later on, what was missed then may have been mounted since, as another device.
                is_sure = not self.is_first
                position = self._known.take_copy(
                    str(path), read_at, status.st_mtime_ns, any_name=False, is_sure=is_sure
                )
            if position is None:
                if self._is_held(path, read_at, status, now):
                    return
                offset = status.st_size if file_set in self._from_end else 0
                position = new_position(self._new_id(), path, status, offset, fingerprint(read_at, offset))
        reader = self._reading.add(path, status, position, file_set, now_ns)
        if reader is not None:
            reader.scan = self._scan
            self._readers.call(reader, str(path))
            self._reading.look(reader, now, now_ns)

    def _is_held(self, path: Path, read_at: ReadAt, status: os.stat_result, now: float) -> bool:
        """The file is a copy of one that is being read, which may be truncated next: then it is read on, not again."""
        copied = any(self.is_copy(Path(name), read_at, status.st_size) for name in originals(str(path)))
        return copied and self._held.holds(FileId.of(status), path, status.st_size, now)
