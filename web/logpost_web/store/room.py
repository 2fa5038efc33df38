"""Whether the store's directory can be written to, and what keeps room back for when it cannot."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

LEAST_RESERVE_BYTES = 16 * 1024 * 1024
"""Less room than that is too little for a block and the merges behind it."""


CHANGE_BYTES = 1024 * 1024
CHANGE_FILES = 32
"""What changing tables takes."""
RESERVE = "reserve"
RESERVE_BYTES = 4 * 1024 * 1024
RESERVE_FILES = 32
"""Kept back, so that a full disk has room to open the store, to write down what is dropped, and to drop it."""


def keep_reserve(directory: Path) -> None:
    """Nothing happens where there is no room for it."""
    reserve = directory / RESERVE
    if reserve.exists():
        return
    making = reserve.with_suffix(".new")
    try:
        making.mkdir(exist_ok=True)
        for number in range(RESERVE_FILES):
            (making / str(number)).touch()
        with (making / "0").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)
        making.replace(reserve)
    except OSError:
        shutil.rmtree(making, ignore_errors=True)


def release_reserve(directory: Path) -> None:
    """Give its room, and its inodes, to who needs them to make more."""
    shutil.rmtree(directory / RESERVE, ignore_errors=True)


def with_reserve(directory: Path | None, call: Callable[[], None], failure: type[Exception]) -> None:
    """Call; where it fails by `failure` it may want room: once more without the reserve of this directory. None: it has
    none."""
    try:
        call()
    except failure:
        if directory is not None:
            release_reserve(directory)
        call()


def release_if_full(directory: Path) -> None:
    """Give the reserve to what a store needs to open. Raises OSError."""
    found = os.statvfs(directory)
    if found.f_bavail * found.f_frsize < RESERVE_BYTES or (found.f_files and not found.f_favail):
        release_reserve(directory)


def refuse_full(directory: Path) -> None:
    """Before tables are changed: without room the engine would empty their definitions. Raises OSError."""
    found = os.statvfs(directory)
    if found.f_bavail * found.f_frsize < CHANGE_BYTES or (found.f_files and found.f_favail < CHANGE_FILES):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(directory))


def reserve(wanted_bytes: int, total_bytes: int) -> int:
    """What is kept free of a file system: a tenth of it at most, which is twice what the broker's part of it may be:
    the broker goes on when the store waits."""
    return max(min(wanted_bytes, total_bytes // 10), LEAST_RESERVE_BYTES)


def problems(directory: Path, wanted_bytes: int) -> Iterator[str]:
    """Why nothing more is stored there; nothing when it is. `wanted_bytes`: `store.disk_reserve_bytes`. Blocks: it
    writes a byte."""
    try:
        found = os.statvfs(directory)
    except OSError as error:
        yield f"the store's directory {directory} cannot be looked at: {error.strerror}"
        return
    free = found.f_bavail * found.f_frsize
    if found.f_flag & os.ST_RDONLY:
        yield (
            f"the file system of the store's directory {directory} is read-only: make it writable;"
            " `logpost store check` then looks for damage, and `logpost store rebuild` mends it"
        )
    elif free < (least := reserve(wanted_bytes, found.f_blocks * found.f_frsize)):
        yield (
            f"the disk of the store's directory {directory} is full: {free:,} bytes are free, and {least:,} are kept"
            " free (store.disk_reserve)"
        )
    elif found.f_files and not found.f_favail:
        yield f"the disk of the store's directory {directory} has no inode left"
    else:
        yield from _unwritten(directory)


def _unwritten(directory: Path) -> Iterator[str]:
    """Why a byte cannot be written: a quota, or a file system that met an error and says that it can be written to."""
    try:
        with tempfile.TemporaryFile(dir=directory, buffering=0) as file:
            file.write(b"\0")
    except OSError as error:
        yield f"the store's directory {directory} takes nothing: {error.strerror}"
