"""Whether the store's directory can be written to."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

MIN_FREE_BYTES = 16 * 1024 * 1024
"""Less room than that is too little for a block and the merges behind it."""


def problems(directory: Path) -> Iterator[str]:
    """Why nothing more can be stored there; nothing when it can. Blocks: it writes a byte."""
    try:
        found = os.statvfs(directory)
    except OSError as error:
        yield f"the store's directory {directory} cannot be looked at: {error.strerror}"
        return
    free = found.f_bavail * found.f_frsize
    if found.f_flag & os.ST_RDONLY:
        yield f"the file system of the store's directory {directory} is read-only"
    elif free < MIN_FREE_BYTES:
        yield f"the disk of the store's directory {directory} is full: {free:,} bytes are free"
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
