"""The real system calls below a broker's files. A test overrides what it counts or fails, for its own broker only."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from logpost_broker.log.batch import Buffer


class RealSystem:
    """All calls of `logpost_broker.log.system.System`, as the operating system does them."""

    def open(self, path: Path, flags: int, mode: int = 0o777, /) -> int:
        return os.open(path, flags, mode)

    def close(self, fd: int, /) -> None:
        os.close(fd)

    def dup(self, fd: int, /) -> int:
        return os.dup(fd)

    def fstat(self, fd: int, /) -> os.stat_result:
        return os.fstat(fd)

    def statvfs(self, path: Path, /) -> os.statvfs_result:
        return os.statvfs(path)

    def pread(self, fd: int, size: int, offset: int, /) -> bytes:
        return os.pread(fd, size, offset)

    def pwritev(self, fd: int, buffers: Sequence[Buffer], offset: int, /) -> int:
        return os.pwritev(fd, buffers, offset)

    def write(self, fd: int, data: Buffer, /) -> int:
        return os.write(fd, data)

    def ftruncate(self, fd: int, size: int, /) -> None:
        os.ftruncate(fd, size)

    def posix_fadvise(self, fd: int, offset: int, size: int, advice: int, /) -> None:
        os.posix_fadvise(fd, offset, size, advice)

    def fdatasync(self, fd: int, /) -> None:
        os.fdatasync(fd)

    def fsync(self, fd: int, /) -> None:
        os.fsync(fd)
