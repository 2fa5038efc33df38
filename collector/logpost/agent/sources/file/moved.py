"""What rotation did while the agent was not running, and left in another directory or under an odd name.

Rotation may leave files around the directory of a log: below it, above it, or beside it (logrotate's `olddir`). By
their inodes they are found there under any name; by bytes and by time only under one that rotation makes of the log's.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path

from logpost.agent.sources.file.around import MAX_FILES, around
from logpost.agent.sources.file.beside import MAX_UNNAMED_FILES
from logpost.agent.sources.file.fingerprint import HEAD_BYTES, fingerprint_of, is_same_file
from logpost.agent.sources.file.known import KnownStreams
from logpost.agent.sources.file.missed import Log, Missed
from logpost.agent.sources.file.packed import bytes_in
from logpost.agent.sources.file.position import FilePosition
from logpost.agent.sources.file.rotation import COMPRESSED, READABLE, is_older, originals, unpacked_name

IsMet = Callable[[os.stat_result], bool]
_File = tuple[Path, os.stat_result]


class MovedFiles:
    """Looks once, after `MissedFiles`. A file without a position may have been shipped by another stream."""

    def __init__(self, known: KnownStreams, logs: Sequence[Log], *, saved_ns: int | None, is_met: IsMet) -> None:
        """As for `MissedFiles`."""
        self._known = known
        self._saved_ns = saved_ns
        self._is_met = is_met
        self._logs = {str(log.path): log for log in reversed(logs)}
        self._left_in: set[tuple[Path, Path]] = set()
        """(directory, name of a log) where rotation did leave what it made of the log."""

    def __iter__(self) -> Iterator[Missed]:
        """Inodes are surer than bytes, and bytes surer than names and times."""
        lost = {name for position in self._known.missed() for name in position.names if str(name) in self._logs}
        self._logs = {str(name): self._logs[str(name)] for name in lost}
        places = around(sorted({name.parent for name in lost}))
        names, inodes = {name.name for name in lost}, self._known.inode_numbers
        files = {directory: self._files_in(directory, names, inodes) for directory in places}
        found: set[Path] = set()
        for look in (self._by_inode, self._by_bytes, self._by_time):
            for directory, homes in places.items():
                for path, status in files[directory]:
                    if path in found or self._is_met(status):
                        continue
                    with suppress(OSError):  # nobody asked for this file
                        missed = look(path, status, homes)
                        if missed is not None:
                            found.add(path)
                            self._left_in.add((directory, missed.log.name))
                            yield missed

    def _files_in(self, directory: Path, names: set[str], inodes: set[int]) -> list[_File]:
        """Those whose inode or name is that of a log, those first that were written to longest ago."""
        found = []
        with suppress(OSError), os.scandir(directory) as entries:
            for entry in islice(entries, MAX_FILES):
                named = not names.isdisjoint((entry.name, *originals(entry.name)))
                if (named or entry.inode() in inodes) and _is_readable(Path(entry.path)):
                    with suppress(OSError):
                        found.append((Path(entry.path), entry.stat(follow_symlinks=False)))
        regular = [file for file in found if stat.S_ISREG(file[1].st_mode)]
        return sorted(regular, key=lambda file: file[1].st_mtime_ns)

    def _by_inode(self, path: Path, status: os.stat_result, _homes: Sequence[Path]) -> Missed | None:
        if not self._known.knows((status.st_dev, status.st_ino)):
            return None
        with bytes_in(path) as read_at:
            return self._of(path, status, self._known.take(status, read_at))

    def _by_bytes(self, path: Path, status: os.stat_result, homes: Sequence[Path]) -> Missed | None:
        if not _came_since(self._saved_ns, status) or self._known.has_packed(status):
            return None
        # Logs of others may begin alike: no rotation made this file, or it did of the log beside it.
        is_sure = not any(originals(str(path))) or _is_explained(path)
        with bytes_in(path) as read_at:
            for home in homes:
                name = str(home / path.name)
                position = self._known.take_copy(name, read_at, status.st_mtime_ns, any_name=False, is_sure=is_sure)
                if position is not None:
                    return self._of(path, status, position)
        return None

    def _by_time(self, path: Path, status: os.stat_result, homes: Sequence[Path]) -> Missed | None:
        """Begun and rotated while the agent was not running, beside another file of its log. A directory that has none
        may be that of another program, whose log has the same name."""
        is_new = status.st_size and self._saved_ns is not None and status.st_mtime_ns >= self._saved_ns
        if not is_new or not _came_since(self._saved_ns, status) or self._known.has_packed(status):
            return None
        names = {name for home in homes for name in originals(str(home / path.name))}
        logs = [self._logs[name] for name in names if name in self._logs]
        if len(logs) != 1 or (path.parent, logs[0].name) not in self._left_in or _is_explained(path):
            return None
        if not logs[0].file_set.rules.allows(str(path)):
            return None
        return Missed(path, status, logs[0], None)

    def _of(self, path: Path, status: os.stat_result, position: FilePosition | None) -> Missed | None:
        if position is None:
            return None
        log = next((self._logs[str(name)] for name in position.names if str(name) in self._logs), None)
        if log is None:
            self._known.add(position)  # of a set that is not read any more
            return None
        return Missed(path, status, log, position)


def renamed_oddly(known: KnownStreams, logs: Sequence[Log], *, saved_ns: int | None, is_met: IsMet) -> Iterator[Missed]:
    """Copies, plain or compressed, of logs too short to be sure of: those that came beside a log while the agent was
    not running, when one log only begins like it, and no other file begins like the log."""
    by_name = {str(log.path): log for log in reversed(logs)}
    by_directory: dict[Path, list[FilePosition]] = {}
    for position in known.missed():
        for directory in {name.parent for name in position.names if str(name) in by_name}:
            by_directory.setdefault(directory, []).append(position)
    for directory, short in by_directory.items():
        files = _unnamed_in(directory, saved_ns, is_met)
        pairs = list(_alike(files, [position for position in short if known.misses(position)]))
        logs_of, files_of = Counter(file[0] for file, _ in pairs), Counter(position.id for _, position in pairs)
        for file, position in pairs:
            if logs_of[file[0]] == files_of[position.id] == 1:
                known.forget(position)
                log = next(by_name[str(name)] for name in position.names if str(name) in by_name)
                yield Missed(*file, log, position)


def _unnamed_in(directory: Path, saved_ns: int | None, is_met: IsMet) -> list[_File]:
    """Files that no log beside them explains."""
    found: list[_File] = []
    with suppress(OSError), os.scandir(directory) as entries:
        for entry in islice(entries, MAX_UNNAMED_FILES):
            with suppress(OSError):
                path, status = Path(entry.path), entry.stat(follow_symlinks=False)
                came = stat.S_ISREG(status.st_mode) and _came_since(saved_ns, status) and not is_met(status)
                if came and _is_readable(path) and not _is_explained(path):
                    found.append((path, status))
    return found


def _came_since(saved_ns: int | None, status: os.stat_result) -> bool:
    """The file was made, or got its name, while the agent was not running."""
    return saved_ns is not None and status.st_ctime_ns >= saved_ns


def _is_explained(path: Path) -> bool:
    """What it may have been made of is beside it."""
    return any(Path(name).is_file() for name in originals(str(path)))


def _alike(files: Iterable[_File], short: Iterable[FilePosition]) -> Iterator[tuple[_File, FilePosition]]:
    """Each file with each log all of whose bytes that were read it begins with; no two logs that begin alike. Each file
    is read once."""
    by_head: dict[tuple[int, str], list[FilePosition]] = {}
    for position in short:
        if position.fingerprint.head_length and position.offset <= HEAD_BYTES:
            by_head.setdefault((position.fingerprint.head_length, position.fingerprint.head), []).append(position)
    # A file that begins like one of several logs that begin alike is of any of them.
    by_head = {head: logs for head, logs in by_head.items() if len(logs) == 1}
    lengths = {length for length, _ in by_head}
    for file in files:
        head = b""
        with suppress(OSError), bytes_in(file[0]) as read_at:
            head = read_at(0, HEAD_BYTES)
        for length in lengths:
            for position in by_head.get((length, fingerprint_of(head[:length], b"").head), ()):
                is_whole = is_same_file(position.fingerprint, partial(_part, head), position.offset)
                if is_whole and not is_older(file[1].st_mtime_ns, position.written_ns):
                    yield file, position


def _part(data: bytes, offset: int, length: int) -> bytes:
    return data[offset : offset + length]


def _is_readable(path: Path) -> bool:
    """Beside what it is made of, a compressed file is not complete."""
    if not path.name.endswith(COMPRESSED):
        return True
    return path.name.endswith(READABLE) and not path.with_name(unpacked_name(path.name)).is_file()
