"""The files of one part: copied, and compared with the list of a backup."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from logpost.backup import tree
from logpost_web.backup.listing import SavedPart, digest

OnRead = Callable[[int], None]
IDENTITY_FILE = "checksums.txt"
"""The engine writes it with each part: names, sizes and checksums of its files."""


def identity(directory: Path) -> str:
    """Of a part of the store. Raises OSError."""
    return hashlib.sha256((directory / IDENTITY_FILE).read_bytes()).hexdigest()


def copy(source: Path, target: Path, table: str, its_identity: str, on_read: OnRead) -> SavedPart:
    """Copy a part of the store to `target`, which is not there yet. Raises logpost.backup's BackupError, OSError."""
    new = target.with_name(f"{target.name}.new")
    new.mkdir(parents=True)
    files = []
    for path, _ in tree.walk(source):
        entry = tree.copy(source, path, new, on_read)
        if not entry.is_directory:
            files.append((path, entry.size, entry.sha256))
    new.rename(target)
    return SavedPart(
        table=table,
        name=source.name,
        identity=its_identity,
        files=len(files),
        size=sum(size for _, size, _ in files),
        changed_ns=_changed_ns(target),
        sha256=digest(files),
    )


def difference(directory: Path, part: SavedPart) -> str:
    """By what names and sizes say that it is not the part of the list; empty where they say nothing."""
    if not directory.is_dir():
        return "it is missing"
    found = _files(directory)
    if len(found) != part.files:
        return f"it has {len(found)} files, and had {part.files}"
    size = sum(one.st_size for _, one in found)
    return "" if size == part.size else f"it has {size:,} bytes, and had {part.size:,}"


def is_untouched(directory: Path, part: SavedPart) -> bool:
    return _changed_ns(directory) == part.changed_ns


def damage(directory: Path, part: SavedPart, on_read: OnRead) -> str:
    """What is wrong with it, after reading all of it; else empty."""
    try:
        if found := difference(directory, part):
            return found
        files = [(path, one.st_size, tree.sha256(directory / path, on_read)) for path, one in _files(directory)]
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    return "" if digest(files) == part.sha256 else "its bytes have changed"


def _files(directory: Path) -> list[tuple[str, os.stat_result]]:
    return [(path, one) for path, one in tree.walk(directory) if not (directory / path).is_dir()]


def _changed_ns(directory: Path) -> int:
    return max((one.st_mtime_ns for _, one in _files(directory)), default=0)
