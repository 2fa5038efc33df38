"""What the store takes of its disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from logpost_web.store.statements import Statements

BLOCK = 512
"""Bytes that `st_blocks` counts in."""


class FileSystem(NamedTuple):
    """In bytes. `free`: for those who are not root."""

    size: int
    free: int

    @property
    def share(self) -> float:
        """What is taken, from 0 to 1."""
        return 1 - self.free / self.size if self.size else 0.0


def file_system(directory: Path) -> FileSystem:
    """Raises OSError."""
    found = os.statvfs(directory)
    return FileSystem(
        (found.f_blocks - found.f_bfree + found.f_bavail) * found.f_frsize, found.f_bavail * found.f_frsize
    )


def of_server(store: Statements) -> tuple[FileSystem, int]:
    """The disks of a server on which the store's rows lie, and what its tables take. Raises QueryError."""
    parts = "system.parts WHERE database = currentDatabase() AND table LIKE 'otel_logs%'"
    [(size, free)] = store.query(
        "SELECT sum(total_space), sum(free_space) FROM system.disks WHERE lower(type) = 'local'"
        f" AND (name = 'default' OR name IN (SELECT disk_name FROM {parts}))"
    ).rows
    [(taken,)] = store.query(f"SELECT sum(bytes_on_disk) FROM {parts}").rows
    return FileSystem(int(size), int(free)), int(taken)


def boot() -> str:
    """Which start of this box it is; empty where that is not known."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def allocated(*directories: Path) -> int:
    """Bytes of all blocks of their files and directories, each file once however many names it has. What vanishes
    meanwhile counts nothing."""
    total = 0
    seen: set[int] = set()
    left = [*directories]
    while left:
        try:
            entries = list(os.scandir(left.pop()))
        except OSError:
            continue
        for entry in entries:
            try:
                found = entry.stat(follow_symlinks=False)
                if entry.is_dir(follow_symlinks=False):
                    left.append(Path(entry.path))
            except OSError:
                continue
            if found.st_nlink > 1 and not entry.is_dir(follow_symlinks=False):
                if found.st_ino in seen:
                    continue
                seen.add(found.st_ino)
            total += found.st_blocks * BLOCK
    return total
