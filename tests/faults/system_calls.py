"""The seam between the broker and the disk in memory: `Files` whose system calls end there.

`log/files.py` runs as it is, on these calls instead of the system's: what it does in which order (write, sync, rename,
sync of the directory; the repair after half a write) is under test as well. Only what goes by path through pathlib is
replaced.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from logpost_broker.log.batch import Buffer
from logpost_broker.log.descriptors import Descriptors
from logpost_broker.log.files import Files, FileStatus
from tests.faults.disk import PAGE_BYTES, Contents, Directory, Disk

FIRST_DESCRIPTOR = 1000
FEW_DESCRIPTORS = 7
"""Fewer than a log of three segments would like to have open."""
PAGES = 1 << 20
"""Room enough: a full disk is what a hook says."""


@dataclass(slots=True)
class OpenFile:
    disk: Disk
    what: Contents | Directory
    position: int = 0


class SystemCalls:
    """What `log/files.py` takes from `os`, on the disks that are mounted: `/1`, `/2` and so on."""

    def __init__(self) -> None:
        self._disks: dict[str, Disk] = {}
        self._mounts = count(1)
        self._descriptors = count(FIRST_DESCRIPTOR)
        self._open: dict[int, OpenFile] = {}

    def mount(self, disk: Disk) -> Path:
        """Where the disk is from now on."""
        name = str(next(self._mounts))
        self._disks[name] = disk
        return Path("/", name)

    def unmount(self, root: Path) -> int:
        """Forget the disk, as the end of a process would; returns how many files of it were open."""
        disk = self._disks.pop(root.name)
        left = [fd for fd, file in self._open.items() if file.disk is disk]
        for fd in left:
            del self._open[fd]
        return len(left)

    def place(self, path: Path) -> tuple[Disk, tuple[str, ...]]:
        """A disk, and the path there."""
        _, mount, *rest = Path(path).parts
        return self._disks[mount], tuple(rest)

    def open(self, path: Path, flags: int, mode: int = 0o777) -> int:
        disk, inner = self.place(path)
        what = disk.find(inner)
        if what is None:
            if not flags & os.O_CREAT:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
            what = disk.create(inner)
        if isinstance(what, Directory) and flags & (os.O_WRONLY | os.O_RDWR):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if isinstance(what, Contents) and flags & os.O_TRUNC:
            disk.truncate(what, 0)
        return self._descriptor(OpenFile(disk, what))

    def _descriptor(self, file: OpenFile) -> int:
        fd = next(self._descriptors)
        self._open[fd] = file
        return fd

    def _file(self, fd: int) -> tuple[Disk, Contents]:
        file = self._open.get(fd)
        if file is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        assert isinstance(file.what, Contents)
        return file.disk, file.what

    def dup(self, fd: int) -> int:
        disk, what = self._file(fd)
        return self._descriptor(OpenFile(disk, what))

    def close(self, fd: int) -> None:
        if self._open.pop(fd, None) is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    def fstat(self, fd: int) -> os.stat_result:
        return os.stat_result((0o100644, 0, 0, 1, 0, 0, len(self._file(fd)[1].data), 0, 0, 0))

    def statvfs(self, path: Path) -> os.statvfs_result:
        return os.statvfs_result((PAGE_BYTES, PAGE_BYTES, PAGES, PAGES, PAGES, 0, 0, 0, 0, 255))

    def write(self, fd: int, data: Buffer) -> int:
        disk, file = self._file(fd)
        written = disk.write(file, self._open[fd].position, bytes(data))
        self._open[fd].position += written
        return written

    def pwritev(self, fd: int, buffers: Sequence[Buffer], offset: int) -> int:
        disk, file = self._file(fd)
        return disk.write(file, offset, b"".join(buffers))

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        disk, file = self._file(fd)
        return disk.read(file, offset, size)

    def ftruncate(self, fd: int, size: int) -> None:
        disk, file = self._file(fd)
        disk.truncate(file, size)

    def posix_fadvise(self, fd: int, offset: int, size: int, advice: int) -> None:
        if advice == os.POSIX_FADV_DONTNEED:
            self._file(fd)[1].forget_cached(offset)

    def fdatasync(self, fd: int) -> None:
        disk, file = self._file(fd)
        disk.sync(file)

    def fsync(self, fd: int) -> None:
        file = self._open[fd]
        file.disk.sync(file.what)


class MemoryFiles(Files):
    """The file system of the mounted disks."""

    def __init__(self, calls: SystemCalls) -> None:
        super().__init__(Descriptors(FEW_DESCRIPTORS), calls)
        self._calls = calls

    def exists(self, path: Path) -> bool:
        disk, inner = self._calls.place(path)
        try:
            return disk.find(inner) is not None
        except NotADirectoryError:
            return False

    def names(self, directory: Path) -> list[str]:
        disk, inner = self._calls.place(directory)
        found = disk.find(inner)
        return sorted(found.names) if isinstance(found, Directory) else []

    def make_directory(self, directory: Path) -> None:
        disk, inner = self._calls.place(directory)
        if not isinstance(disk.find(inner), Directory):
            disk.make_directory(inner)

    def read_bytes(self, path: Path) -> bytes | None:
        disk, inner = self._calls.place(path)
        try:
            found = disk.find(inner)
        except NotADirectoryError:
            return None
        if isinstance(found, Directory):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        return None if found is None else disk.read(found, 0, len(found.data))

    def status(self, path: Path) -> FileStatus:
        disk, inner = self._calls.place(path)
        found = disk.find(inner)
        if not isinstance(found, Contents):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        return FileStatus(size_bytes=len(found.data), modified_ms=0)

    def rename(self, path: Path, to: Path) -> None:
        disk, inner = self._calls.place(path)
        disk.rename(inner, self._calls.place(to)[1])

    def unlink(self, path: Path) -> None:
        disk, inner = self._calls.place(path)
        if disk.find(inner) is not None:
            disk.remove(inner)

    def remove_directory(self, directory: Path) -> None:
        disk, inner = self._calls.place(directory)
        self._remove(disk, inner)

    def _remove(self, disk: Disk, inner: tuple[str, ...]) -> None:
        for name, what in sorted(disk.directory(inner).names.items()):
            if isinstance(what, Directory):
                self._remove(disk, (*inner, name))
            else:
                disk.remove((*inner, name))
        disk.remove(inner)
