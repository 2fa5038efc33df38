"""What rotation did while the agent was not running: the files beside the logs that have bytes which nobody shipped.

A renamed file is found by its inode, a copy and a compressed copy by their bytes. Files that were begun and rotated in
that time have no stream yet: their name and their time say what they are.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from logpost.agent.sources.file.file_names import path_of
from logpost.agent.sources.file.file_set import FileSet
from logpost.agent.sources.file.fingerprint import ReadAt
from logpost.agent.sources.file.known import KnownStreams
from logpost.agent.sources.file.opening import bytes_of
from logpost.agent.sources.file.packed import Unpacked
from logpost.agent.sources.file.position import FilePosition
from logpost.agent.sources.file.rotation import READABLE, originals, unpacked_name


@dataclass(frozen=True, slots=True)
class Log:
    """A log that an earlier run has read: `name` is what its records say, `path` the file, which a link may lead to."""

    path: Path
    name: Path
    file_set: FileSet


@dataclass(frozen=True, slots=True)
class Missed:
    """`position`: where its stream stands; None: it has none yet."""

    path: Path
    status: os.stat_result
    log: Log
    position: FilePosition | None

    @property
    def is_packed(self) -> bool:
        return self.path.name.endswith(READABLE)


def logs_of(file_sets: Sequence[FileSet], known: Iterable[FilePosition]) -> Iterator[Log]:
    """The logs that these positions are of, by their names and by where links lead, as far as they are still read."""
    for position in known:
        name = path_of(position.path, position.raw)
        file_set = next((file_set for file_set in file_sets if file_set.rules.matches(str(name))), None)
        if file_set is not None:
            for path in (*position.names, Path(os.path.realpath(name))):
                yield Log(path, name, file_set)


class MissedFiles:
    """Looks once, after the files that the sets name were met."""

    def __init__(
        self,
        known: KnownStreams,
        logs: Sequence[Log],
        *,
        saved_ns: int | None,
        is_met: Callable[[os.stat_result], bool],
        is_copy: Callable[[Path, ReadAt, int], bool],
    ) -> None:
        """`saved_ns`: when the earlier run ended, by the file system's clock. `is_met`: the file is read already, or
        found by its own name. `is_copy`: these bytes, of that size, are those of the log `path` as it is read now."""
        self._known = known
        self._saved_ns = saved_ns
        self._is_met = is_met
        self._is_copy = is_copy
        self._logs = {str(log.path): log for log in reversed(logs)}
        self._missing: set[Path] = set()
        self._directories = {log.path.parent: log for log in reversed(logs)}

    def __iter__(self) -> Iterator[Missed]:
        """In each directory, the file first that was written to longest ago."""
        found: set[Path] = set()
        self._missing = self._known.missed_directories
        for directory, log in self._directories.items():
            files = _files_in(directory)
            names = {path.name for path, _ in files}
            plain = [file for file in files if not _is_packed(file[0])]
            # Beside what it is made of, a compressed file is not complete.
            packed = [file for file in files if _is_packed(file[0]) and unpacked_name(file[0].name) not in names]
            # Inodes are surer than bytes, and bytes surer than names and times.
            for look, these in (
                (self._by_inode, plain),
                (self._by_bytes, plain),
                (self._by_packed_bytes, packed),
                (self._by_time, [*plain, *packed]),
            ):
                for path, status in these:
                    if path in found or self._is_met(status):
                        continue
                    with suppress(OSError):  # nobody asked for this file
                        missed = look(path, status, log)
                        if missed is not None:
                            found.add(path)
                            yield missed

    def _by_inode(self, path: Path, status: os.stat_result, log: Log) -> Missed | None:
        with bytes_of(path) as (read_at, _):
            return self._of(path, status, log, self._known.take(status, read_at))

    def _by_bytes(self, path: Path, status: os.stat_result, log: Log) -> Missed | None:
        with bytes_of(path) as (read_at, _):
            position = self._known.take_copy(str(path), read_at, status.st_mtime_ns, any_name=True)
        return self._of(path, status, log, position)

    def _by_packed_bytes(self, path: Path, status: os.stat_result, log: Log) -> Missed | None:
        if self._known.has_packed(status) or path.parent not in self._missing:
            return None
        with closing(Unpacked(path)) as unpacked:
            position = self._known.take(status, unpacked.read_at) or self._known.take_copy(
                str(path), unpacked.read_at, status.st_mtime_ns, any_name=True
            )
        return self._of(path, status, log, position)

    def _by_time(self, path: Path, status: os.stat_result, _log: Log) -> Missed | None:
        """A file that was begun after the earlier run had ended."""
        log = next((self._logs[name] for name in originals(str(path)) if name in self._logs), None)
        is_new = self._saved_ns is not None and status.st_mtime_ns >= self._saved_ns
        if log is None or not is_new or not status.st_size or not log.file_set.rules.allows(str(path)):
            return None
        if _is_packed(path):
            return None if self._known.has_packed(status) else Missed(path, status, log, None)
        with bytes_of(path) as (read_at, _):
            return None if self._is_copy(log.name, read_at, status.st_size) else Missed(path, status, log, None)

    def _of(self, path: Path, status: os.stat_result, log: Log, position: FilePosition | None) -> Missed | None:
        if position is None:
            return None
        named = next((self._logs[str(name)] for name in position.names if str(name) in self._logs), log)
        return Missed(path, status, named, position)


def _is_packed(path: Path) -> bool:
    return unpacked_name(path.name) != path.name


def _files_in(directory: Path) -> list[tuple[Path, os.stat_result]]:
    """Regular files with their status, those first that were written to longest ago."""
    found = []
    with suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            with suppress(OSError):
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(status.st_mode):
                    found.append((Path(entry.path), status))
    return sorted(found, key=lambda file: file[1].st_mtime_ns)
