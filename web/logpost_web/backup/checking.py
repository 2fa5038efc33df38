"""Whether a backup of a store is whole: every byte of it is read."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

from logpost.backup.listing import BackupError
from logpost_web.backup import part_files
from logpost_web.backup.listing import CONTENT, NAME, Listing, SavedPart, parsed


def read_listing(directory: Path) -> Listing:
    """Raises BackupError, OSError."""
    try:
        return parsed((directory / NAME).read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        reason = f"it has no {NAME}" if directory.is_dir() else "there is no such directory"
        if (directory / CONTENT).is_dir():
            reason += ": it was interrupted, make it again"
        elif (directory / "backup.json").is_file():
            reason += "; it is one of a whole box: `logpost restore`"
        raise BackupError(f"{directory} is no backup of a store: {reason}") from error
    except BackupError as error:
        raise BackupError(f"{directory} cannot be restored: {error}") from error


def damaged(
    directory: Path, listing: Listing, on_read: Callable[[int], None] = lambda _: None
) -> list[tuple[SavedPart, str]]:
    """Parts that are not what was saved, and why."""
    found = ((part, part_files.damage(directory / CONTENT / part.place, part, on_read)) for part in listing.parts)
    return [(part, reason) for part, reason in found if reason]


def set_aside(directory: Path, parts: Sequence[tuple[SavedPart, str]]) -> None:
    """So that the next backup copies them again, however little of them has changed. Nothing where the directory takes
    nothing."""
    for part, _ in parts:
        place = directory / CONTENT / part.place
        with contextlib.suppress(OSError):
            place.rename(place.with_name(f"{place.name}.damaged"))
