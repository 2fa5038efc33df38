"""`logpost restore`: checks all of a backup before it touches anything, copies it beside its place, and moves it there.

While it is under way, `restoring/` stands in the data directory, and no part starts there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TextIO

from logpost.backup import owners, tree
from logpost.backup.listing import CONTENT, NAME, BackupError, Listing, differences, parsed
from logpost.backup.saving import check_room, stopped
from logpost.progress import Progress
from logpost.service import DIRECTORY_MODE, RESTORING

MOST_NAMED = 3
"""Differences between a backup and its list that one line names."""


def restore(backup: Path, data: Path, terminal: TextIO) -> Listing:
    """Make `data` what it was when the backup was made. Raises BackupError, InUseError, OSError."""
    listing = _listing(backup)
    _check_target(backup, data)
    with Progress(2 * listing.size_bytes, terminal) as progress:
        _check_content(backup / CONTENT, listing, progress.add)
        _put(backup / CONTENT, listing, data, progress.add)
    return listing


def _listing(backup: Path) -> Listing:
    try:
        return parsed((backup / NAME).read_bytes(), version("logpost"))
    except (FileNotFoundError, NotADirectoryError) as error:
        reason = f"it has no {NAME}" if backup.is_dir() else "there is no such directory"
        if (backup / CONTENT).is_dir():
            reason += ": it was interrupted, make another"
        raise BackupError(f"{backup} is no backup: {reason}") from error
    except BackupError as error:
        raise BackupError(f"{backup} cannot be restored: {error}") from error


def _check_target(backup: Path, data: Path) -> None:
    if backup.resolve().is_relative_to(data.resolve()) or data.resolve().is_relative_to(backup.resolve()):
        raise BackupError(f"{backup} and the data directory {data} are one in the other: move the backup elsewhere")
    if not data.exists():
        return
    with stopped(data):
        pass
    if (data / RESTORING).exists():
        return  # what else is there is of the restore that was interrupted
    for path in sorted(data.iterdir()):
        if not path.is_dir() or any(one.name != tree.LOCK and not one.is_socket() for one in path.iterdir()):
            raise BackupError(f"{data} holds data ({path.name}): move it away, or name another directory with --data")


def _check_content(content: Path, listing: Listing, on_read: Callable[[int], None]) -> None:
    found = {path: one.st_size for path, one in tree.walk(content)}
    wrong = list(differences(listing, found))
    if not wrong:
        for entry in listing.entries:
            path = content / entry.path
            if entry.link and (not path.is_symlink() or str(path.readlink()) != entry.link):
                wrong.append(f"{entry.path} leads elsewhere than it did")
            elif entry.sha256 and (path.is_symlink() or tree.sha256(path, on_read) != entry.sha256):
                wrong.append(f"{entry.path} has changed")
    if wrong:
        more = f", and {len(wrong) - MOST_NAMED} more" if len(wrong) > MOST_NAMED else ""
        raise BackupError(f"{content.parent} is damaged: {'; '.join(wrong[:MOST_NAMED])}{more}")


def _put(content: Path, listing: Listing, data: Path, on_read: Callable[[int], None]) -> None:
    owner = owners.of(data, listing)
    if not data.exists():
        data.mkdir(parents=True, mode=DIRECTORY_MODE)
        if os.geteuid() == 0 and listing.entries:
            os.chown(data, *owner(listing.entries[0]))
    beside = data / RESTORING
    beside.mkdir(mode=0o700, exist_ok=True)
    tree.sync(data)
    tree.remove(beside)
    check_room(data, listing.size_bytes)
    for entry in listing.entries:
        copied = tree.copy(content, entry.path, beside, on_read)
        if (copied.sha256, copied.link) != (entry.sha256, entry.link):
            raise BackupError(f"{content / entry.path} changed while it was restored: run this again")
    tree.finish(beside, listing.entries, owner)
    tree.sync_all(data)
    for path in list(data.iterdir()):
        if path != beside:
            shutil.rmtree(path)
    for path in list(beside.iterdir()):
        path.rename(data / path.name)
    tree.sync(data)
    beside.rmdir()
    tree.sync(data)
