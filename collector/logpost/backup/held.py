"""A directory that one command at a time works in."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from logpost.backup.listing import BackupError


@contextlib.contextmanager
def held(directory: Path, otherwise: str) -> Iterator[None]:
    """Raises BackupError, which says `otherwise`, while somebody else holds it."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BackupError(otherwise) from error
        yield
    finally:
        os.close(descriptor)
