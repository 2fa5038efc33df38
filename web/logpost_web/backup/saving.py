"""`logpost store backup`: copies the parts of a store that were frozen, but for those that the directory has already,
and writes the list last. Until then the list of the backup before holds: each of its parts is still there."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

import msgspec

from logpost.backup import tree
from logpost.backup.held import held
from logpost.backup.listing import BackupError
from logpost.backup.saving import check_room
from logpost.progress import Progress
from logpost_web.backup import part_files
from logpost_web.backup.listing import CONTENT, FORMAT, NAME, Listing, SavedPart, parsed, place
from logpost_web.store import durable
from logpost_web.store.frozen import Frozen

OURS = frozenset({NAME, f"{NAME}.new", CONTENT})


class Saved(NamedTuple):
    """`copied`: parts that were not there; `copied_bytes`: of them."""

    listing: Listing
    copied: int
    copied_bytes: int


def check_target(target: Path, data: Path) -> None:
    """Raises BackupError where no backup of the store in the data directory `data` can be made there."""
    with contextlib.suppress(OSError):
        if target.resolve().is_relative_to(data.resolve()):
            raise BackupError(f"{target} is in the data directory {data}: name a directory elsewhere")
    if target.exists() and not target.is_dir():
        raise BackupError(f"{target} is no directory")
    if target.is_dir() and (other := {path.name for path in target.iterdir()} - OURS - {tree.LOST_AND_FOUND}):
        raise BackupError(f"{target} has something else in it ({min(other)}): name a new directory")


def save(frozen: Frozen, target: Path, terminal: TextIO) -> Saved:
    """Make `target` a backup of what is frozen, which is to stay so meanwhile. Raises BackupError, OSError."""
    target.mkdir(parents=True, exist_ok=True)
    with held(target, f"another backup goes on in {target}"):
        try:
            return _save(frozen, target, terminal)
        except (BackupError, FileNotFoundError) as error:
            if not Path(frozen.directory).is_dir():
                gone = "the web ended meanwhile, or its disk is full: what was set apart is gone, run it again"
                raise BackupError(gone) from error
            raise BackupError(str(error)) from error


def _save(frozen: Frozen, target: Path, terminal: TextIO) -> Saved:
    content = target / CONTENT
    reused, missing = _sorted_out(frozen, content, _listed(target))
    check_room(target, sum(tree.room_bytes(one for _, one in tree.walk(source)) for _, source, _ in missing))
    copied = []
    sizes = sum(one.st_size for _, source, _ in missing for _, one in tree.walk(source))
    with Progress(sizes, terminal) as progress:
        for table, source, identity in missing:
            kept = content / place(table, source.name, identity)
            for old in (kept, kept.with_name(f"{kept.name}.new")):
                shutil.rmtree(old, ignore_errors=True)
            copied.append(part_files.copy(source, kept, table, identity, progress.add))
    if not Path(frozen.directory).is_dir():
        raise FileNotFoundError(frozen.directory)
    listing = Listing(
        format=FORMAT,
        store=frozen.store,
        host=socket.gethostname(),
        made=frozen.made,
        tables={name: one.create for name, one in frozen.tables.items()},
        parts=tuple(sorted([*reused, *copied], key=lambda part: (part.table, part.name))),
    )
    tree.sync_all(target)
    durable.replace(target / NAME, msgspec.json.format(msgspec.json.encode(listing)) + b"\n")
    _remove_others(content, {part.place for part in listing.parts})
    _give_to_owner(target, Path(frozen.directory))
    return Saved(listing, len(copied), sum(part.size for part in copied))


def _sorted_out(
    frozen: Frozen, content: Path, there: dict[tuple[str, str, str], SavedPart]
) -> tuple[list[SavedPart], list[tuple[str, Path, str]]]:
    """Parts that are there, and table, directory and identity of those that are to be copied."""
    reused, missing = [], []
    for table, one in frozen.tables.items():
        directory = Path(frozen.directory, one.directory)
        for source in (directory / name for name in one.parts):
            identity = part_files.identity(source)
            part = there.get((table, source.name, identity))
            if part is not None and _is_there(content / part.place, part):
                reused.append(part)
            else:
                missing.append((table, source, identity))
    return reused, missing


def _is_there(directory: Path, part: SavedPart) -> bool:
    """Whether it need not be copied. One that somebody has written to since is read."""
    if part_files.difference(directory, part):
        return False
    return part_files.is_untouched(directory, part) or not part_files.damage(directory, part, lambda _: None)


def _listed(target: Path) -> dict[tuple[str, str, str], SavedPart]:
    """What the backup before has; nothing where its list cannot be read."""
    with contextlib.suppress(OSError, BackupError):
        parts = parsed((target / NAME).read_bytes()).parts
        return {(part.table, part.name, part.identity): part for part in parts}
    return {}


def _remove_others(content: Path, listed: set[str]) -> None:
    """What no list names: of the backup before, or of one that was killed."""
    for table in content.iterdir() if content.is_dir() else ():
        for path in table.iterdir():
            if f"{table.name}/{path.name}" not in listed:
                shutil.rmtree(path, ignore_errors=True)


def _give_to_owner(target: Path, store: Path) -> None:
    """A backup that root made of another user's store: that user's web restores it."""
    owner = store.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        paths: Sequence[Path] = [target, *target.rglob("*")]
        for path in paths:
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
