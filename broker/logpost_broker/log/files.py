"""The one seam between the log and the file system: tests stand in for it to fail a write, a sync or a rename.

Nothing here is buffered: what `append` was given is in the page cache when it returns, and on the disk after `sync`.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from logpost_broker.log.batch import Buffer
from logpost_broker.log.descriptors import Descriptors
from logpost_broker.log.disk_reserve import DiskSpace
from logpost_broker.log.system import System


class File:
    """A file that grows at its end and is read anywhere. Once it is given `Descriptors`, it is closed and opened again
    as they say, and all calls come from the event loop."""

    def __init__(self, path: Path, fd: int, system: System = os) -> None:
        self.path = path
        self._system = system
        self.size = system.fstat(fd).st_size
        self.is_rebuildable = False
        """What a failed write-back loses can be made again: the file may be closed before it is synced."""
        self._fd: int | None = fd
        self._descriptors: Descriptors | None = None
        self._synced_size = self.size
        self._origin: File | None = None

    @property
    def must_stay_open(self) -> bool:
        return self._synced_size < self.size and not self.is_rebuildable

    def share(self, descriptors: Descriptors) -> None:
        """Stay open only as long as there are enough descriptors."""
        self._descriptors = descriptors
        descriptors.make_room()
        descriptors.used(self)

    def release(self) -> None:
        """Give the descriptor back until the file is used again."""
        fd, self._fd = self._fd, None
        if fd is not None:
            self._system.close(fd)

    def fileno(self) -> int:
        """The descriptor, good until another file is used. Raises OSError."""
        if self._fd is None:
            if self._descriptors is None:
                raise OSError(errno.EBADF, "the file is closed", str(self.path))
            self._descriptors.make_room()
            self._fd = self._system.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        if self._descriptors is not None:
            self._descriptors.used(self)
        return self._fd

    def append(self, *buffers: Buffer) -> None:
        """Write all of `buffers` at the end, or nothing. Raises OSError."""
        fd = self.fileno()
        views = [memoryview(buffer) for buffer in buffers]
        end = self.size
        try:
            while views:
                written = self._system.pwritev(fd, views, end)
                end += written
                views = _rest(views, written)
        except OSError:
            self._system.ftruncate(fd, self.size)
            raise
        self.size = end

    def read(self, position: int, size: int) -> bytes:
        """Up to `size` bytes from `position`; fewer at the end of the file. Raises OSError."""
        return self._system.pread(self.fileno(), size, position)

    def read_ahead(self, position: int, size: int) -> None:
        """Let the disk begin to read what a reader is going to want. Returns at once."""
        self._system.posix_fadvise(self.fileno(), position, size, os.POSIX_FADV_WILLNEED)

    def truncate(self, size: int) -> None:
        self._system.ftruncate(self.fileno(), size)
        self.size = size
        self._synced_size = min(self._synced_size, size)

    def sync(self) -> None:
        self._system.fdatasync(self.fileno())
        (self._origin or self)._synced_size = self.size

    def forget_cached(self, position: int) -> None:
        """Read from `position` on what is on the disk, except what is still to be written there. After a failed sync
        Linux takes pages for written that are not, until they leave the cache."""
        self._system.posix_fadvise(self.fileno(), position, 0, os.POSIX_FADV_DONTNEED)

    def modified_ms(self) -> int:
        """When the file was written to last."""
        return self._system.fstat(self.fileno()).st_mtime_ns // 1_000_000

    def duplicate(self) -> File:
        """The same open file under a descriptor of its own: it can be synced in a thread while this one is closed."""
        other = File(self.path, self._system.dup(self.fileno()), self._system)
        other._origin = self
        return other

    def close(self) -> None:
        if self._descriptors is not None:
            self._descriptors.closed(self)
            self._descriptors = None
        self.release()


class Directory:
    """An open directory, to make the names in it durable."""

    def __init__(self, fd: int, system: System) -> None:
        self._fd = fd
        self._system = system

    def sync(self) -> None:
        self._system.fsync(self._fd)

    def close(self) -> None:
        self._system.close(self._fd)


def duplicates(files: Sequence[File]) -> tuple[File, ...]:
    """All of `files`, or none, under descriptors of their own. Raises OSError."""
    made: list[File] = []
    try:
        made.extend(file.duplicate() for file in files)
    except OSError:
        for file in made:
            file.close()
        raise
    return tuple(made)


def _rest(views: list[memoryview], written: int) -> list[memoryview]:
    """What a short write left over."""
    while views and written >= len(views[0]):
        written -= len(views.pop(0))
    if written:
        views[0] = views[0][written:]
    return views


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStatus:
    size_bytes: int
    modified_ms: int


class Files:
    """The file system."""

    def __init__(self, descriptors: Descriptors | None = None, system: System = os) -> None:
        self._system = system
        self.descriptors = Descriptors() if descriptors is None else descriptors

    def open(self, path: Path) -> File:
        """Open for reading and appending; the file is made where there is none. Raises OSError."""
        return File(path, self._system.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644), self._system)

    def exists(self, path: Path) -> bool:
        return path.exists()

    def names(self, directory: Path) -> list[str]:
        """Sorted names of what is in a directory; none where there is no directory."""
        try:
            return sorted(entry.name for entry in directory.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []

    def make_directory(self, directory: Path) -> None:
        directory.mkdir(exist_ok=True)

    def status(self, path: Path) -> FileStatus:
        """Raises FileNotFoundError."""
        found = path.stat()
        return FileStatus(size_bytes=found.st_size, modified_ms=found.st_mtime_ns // 1_000_000)

    def read_end(self, path: Path, size: int) -> bytes:
        """The last bytes of a file; fewer where it has not so many. Raises FileNotFoundError."""
        fd = self._system.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return self._system.pread(fd, size, max(0, self._system.fstat(fd).st_size - size))
        finally:
            self._system.close(fd)

    def read_bytes(self, path: Path) -> bytes | None:
        """The content, or None where there is no file, nor a directory for it."""
        try:
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def replace(self, path: Path, data: bytes, *, synced: bool = True) -> None:
        """Give `path` this content: a crash at any moment leaves the old content or the new one. Not `synced`, a power
        cut may also leave a torn one. Raises OSError."""
        temporary = path.with_name(path.name + ".tmp")
        fd = self._system.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        try:
            view = memoryview(data)
            while view:
                view = view[self._system.write(fd, view) :]
            if synced:
                self._system.fsync(fd)
        except OSError:
            self.unlink(temporary)
            raise
        finally:
            self._system.close(fd)
        self.rename(temporary, path)
        if synced:
            self.sync_directory(path.parent)

    def rename(self, path: Path, to: Path) -> None:
        path.rename(to)

    def unlink(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def remove_directory(self, directory: Path) -> None:
        """With all that is in it."""
        shutil.rmtree(directory)

    def space(self, directory: Path) -> DiskSpace:
        """Of the file system that `directory` is on."""
        found = self._system.statvfs(directory)
        return DiskSpace(free_bytes=found.f_bavail * found.f_frsize, total_bytes=found.f_blocks * found.f_frsize)

    def open_directory(self, directory: Path) -> Directory:
        """Raises OSError."""
        return Directory(self._system.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), self._system)

    def sync_directory(self, directory: Path) -> None:
        """Make the names in `directory` durable. Raises OSError."""
        opened = self.open_directory(directory)
        try:
            opened.sync()
        finally:
            opened.close()
