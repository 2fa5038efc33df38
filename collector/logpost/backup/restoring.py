"""`logpost restore`: checks all of a backup before it touches anything, copies it beside its place, and moves it there.

While it is under way, `restoring/` stands in the data directory, and no part starts there. A part that starts looks for
it again when it has its lock; and here locks are looked for when it stands: one of both sees the other.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TextIO

from logpost.backup import owners, tree
from logpost.backup.held import held
from logpost.backup.listing import CONTENT, NAME, BackupError, Listing, differences, parsed
from logpost.backup.saving import check_room, stopped
from logpost.installed import version
from logpost.progress import Progress
from logpost.service import DIRECTORY_MODE, RESTORING, open_to_units

MOST_NAMED = 3
"""Differences between a backup and its list that one line names."""
KEPT = frozenset({RESTORING, tree.LOST_AND_FOUND})
"""In the data directory; all else goes when data is put there."""


def restore(backup: Path, data: Path, terminal: TextIO) -> Listing:
    """Make `data` what it was when the backup was made. Raises BackupError, InUseError, OSError."""
    listing = _listing(backup)
    content = backup / CONTENT
    _check_places(backup, data)
    _check_target(data, was_interrupted=(data / RESTORING).exists())
    found = dict(tree.walk(content))
    check_room(data, tree.room_bytes(found.values()))
    owner = owners.of(data, listing)
    with Progress(2 * listing.size_bytes, terminal) as progress:
        _check_content(content, listing, {path: one.st_size for path, one in found.items()}, progress.add)
        with _closed(data) as beside:
            _copy(content, listing, beside, progress.add)
            tree.finish(beside, listing.entries, owner)
            with contextlib.suppress(PermissionError):  # somebody else's, who lets us write there
                tree.finish(data, (listing.directory,), owner)
            tree.sync_all(data)
    return listing


def _listing(backup: Path) -> Listing:
    try:
        return parsed((backup / NAME).read_bytes(), version())
    except (FileNotFoundError, NotADirectoryError) as error:
        reason = f"it has no {NAME}" if backup.is_dir() else "there is no such directory"
        if (backup / CONTENT).is_dir():
            reason += ": it was interrupted, make another"
        raise BackupError(f"{backup} is no backup: {reason}") from error
    except BackupError as error:
        raise BackupError(f"{backup} cannot be restored: {error}") from error


def _check_places(backup: Path, data: Path) -> None:
    if backup.resolve().is_relative_to(data.resolve()) or data.resolve().is_relative_to(backup.resolve()):
        raise BackupError(f"{backup} and the data directory {data} are one in the other: move the backup elsewhere")
    for path in sorted(data.iterdir()) if data.exists() else ():
        if path.is_symlink() or path.is_mount():
            raise BackupError(f"{path} leads to another disk: restore without it, then move that part there")


def _check_target(data: Path, *, was_interrupted: bool) -> None:
    """Raises InUseError where a box runs, BackupError where there is data already. `was_interrupted`: what is there is
    of a restore before this one."""
    if not data.exists():
        return
    with stopped(data):
        pass
    for path in sorted(data.iterdir()):
        if not was_interrupted and path.name not in KEPT and not _is_empty(path):
            raise BackupError(f"{data} holds data ({path.name}): move it away, or name another directory with --data")


def _is_empty(path: Path) -> bool:
    """A part's directory with nothing but what says who runs there."""
    return path.is_dir() and all(one.name == tree.LOCK or one.is_socket() for one in path.iterdir())


def _check_content(content: Path, listing: Listing, found: Mapping[str, int], on_read: Callable[[int], None]) -> None:
    """`found`: path → bytes."""
    wrong = list(differences(listing, found))
    if not wrong:
        for entry in listing.entries:
            path = content / entry.path
            if entry.sha256 and (path.is_symlink() or tree.sha256(path, on_read) != entry.sha256):
                wrong.append(f"{entry.path} has changed")
    if wrong:
        more = f", and {len(wrong) - MOST_NAMED} more" if len(wrong) > MOST_NAMED else ""
        raise BackupError(f"{content.parent} is damaged: {'; '.join(wrong[:MOST_NAMED])}{more}")


@contextlib.contextmanager
def _closed(data: Path) -> Iterator[Path]:
    """No part starts from now on, and no other restore; gives an empty directory in which the data is put together, and
    which is moved to its place at the end. What fails inside leaves no data, as before."""
    is_new = not data.exists()
    open_to_units(data)
    data.mkdir(parents=True, mode=DIRECTORY_MODE, exist_ok=True)
    beside = data / RESTORING
    was_interrupted = beside.exists()
    beside.mkdir(mode=0o700, exist_ok=True)
    tree.sync(data)
    with held(beside, f"another restore goes on in {data}"):
        try:
            _check_target(data, was_interrupted=was_interrupted)  # a box may have started in the meantime
        except BaseException:
            if not was_interrupted:
                beside.rmdir()
            raise
        tree.remove(data, KEPT)
        tree.remove(beside)
        try:
            yield beside
        except BaseException:
            tree.remove(beside)
            beside.rmdir()
            if is_new:
                with contextlib.suppress(OSError):
                    data.rmdir()
            raise
        _move(beside, data)


def _copy(content: Path, listing: Listing, beside: Path, on_read: Callable[[int], None]) -> None:
    for entry in listing.entries:
        if not entry.link and tree.copy(content, entry.path, beside, on_read).sha256 != entry.sha256:
            raise BackupError(f"{content / entry.path} changed while it was restored: run this again")


def _move(beside: Path, data: Path) -> None:
    tree.remove(data, KEPT)
    for path in list(beside.iterdir()):
        path.rename(data / path.name)
    tree.sync(data)
    beside.rmdir()
    tree.sync(data)
