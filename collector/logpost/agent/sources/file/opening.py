"""Opens what is under a name if it is a log, and cannot be made to wait or to read a device by what is put there."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from logpost.agent.sources.file.fingerprint import ReadAt

FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a directory",
}


def open_log(path: Path) -> int:
    """A descriptor of the regular file `path`. Raises OSError; what it is, when it is another kind of file."""
    fd = os.open(path, FLAGS)
    try:
        # Looked at after it was opened: a name can lead to something else a moment later.
        refuse_other_kinds(os.fstat(fd), path)
    except OSError:
        os.close(fd)
        raise
    return fd


def refuse_other_kinds(status: os.stat_result, path: Path) -> None:
    """Raises OSError that says what the file is, when it is no regular file."""
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "no file")
        raise OSError(errno.EINVAL, f"it is {kind}", str(path))


@contextmanager
def bytes_of(path: Path) -> Iterator[tuple[ReadAt, os.stat_result]]:
    """The bytes of the regular file `path`, and its status. Raises OSError."""
    fd = open_log(path)
    try:
        yield (lambda offset, length: os.pread(fd, length, offset)), os.fstat(fd)
    finally:
        os.close(fd)
