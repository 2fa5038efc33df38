"""`logpost backup`: copies the parts in an order that keeps the copy true to itself, and writes the list last.

Agent before store before broker: positions must not be newer than the topic, or lines would be missing; nor the store,
or it would have records of another life of the topic.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import os
import shutil
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

import msgspec

from logpost.backup import owners, tree
from logpost.backup.listing import CONTENT, FORMAT, NAME, BackupError, Entry, Listing
from logpost.errors import InUseError
from logpost.installed import version
from logpost.progress import Progress
from logpost.service import PARTS, RESTORING, hold

ORDER = ("agent", "store", "broker", "log")


def save(data: Path, target: Path, terminal: TextIO) -> Listing:
    """Make `target` a backup of `data`. What is there of one that fails is removed. Raises BackupError, InUseError,
    OSError."""
    _check(data, target)
    with stopped(data) as check:
        found = list(tree.walk(data, ORDER))
        check_room(target, tree.room_bytes(one for _, one in found))
        target.mkdir(parents=True, exist_ok=True)
        try:
            with Progress(sum(one.st_size for _, one in found), terminal) as progress:
                entries = _copy(data, target / CONTENT, [path for path, _ in found], progress.add)
            check()
            return _written(target, data, entries)
        except BaseException:
            tree.remove(target)
            raise


def _check(data: Path, target: Path) -> None:
    """Raises BackupError."""
    if (data / RESTORING).exists():
        raise BackupError(f"{data} is of a restore that was interrupted: run `logpost restore` again")
    if not any((data / part).is_dir() for part in PARTS):
        raise BackupError(f"{data} is no data directory of logpost: name it with --data")
    if any(_is_in(target, place) for place in (data, *(data / part for part in PARTS))):
        raise BackupError(f"{target} is in the data directory {data}: name a directory elsewhere, best on another disk")
    if target.exists() and not target.is_dir():
        raise BackupError(f"{target} is no directory")
    if target.is_dir() and (there := {path.name for path in target.iterdir()}):
        if there <= {CONTENT, f"{NAME}.new"}:
            raise BackupError(f"{target} has a backup that was interrupted: remove it, or name a new directory")
        said = "has a backup already" if NAME in there else "is not empty"
        raise BackupError(f"{target} {said}: name a new directory")


@contextlib.contextmanager
def stopped(data: Path) -> Iterator[Callable[[], None]]:
    """No part runs in the meantime. Makes no file, so that root leaves none that another user's part could not write.
    Raises InUseError where one runs; what it gives does so when one has started where there was no lock to hold."""
    without: list[Path] = []

    def check() -> None:
        for directory in without:
            if (directory / tree.LOCK).exists():
                raise InUseError(f"{directory} has been started meanwhile: stop it first")

    with contextlib.ExitStack() as held:
        for part in ORDER:
            try:
                descriptor = _opened(data / part / tree.LOCK)
            except FileNotFoundError:
                without.append(data / part)
                continue
            held.callback(os.close, descriptor)
            hold(descriptor, data / part)
        yield check


def _opened(lock: Path) -> int:
    """Raises OSError."""
    try:
        return os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
    return os.open(lock, os.O_RDONLY | os.O_CLOEXEC)  # a disk that fails is mounted so, and is to be saved


def check_room(directory: Path, size_bytes: int) -> None:
    """`directory` need not be there yet. Raises BackupError."""
    above = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    free = shutil.disk_usage(above).free
    if free < size_bytes:
        raise BackupError(f"{directory} has room for {free:,} bytes, and {size_bytes:,} are needed")


def _copy(data: Path, content: Path, paths: Sequence[str], on_read: Callable[[int], None]) -> tuple[Entry, ...]:
    content.mkdir(mode=0o700)
    entries = tuple(tree.copy(data, path, content, on_read) for path in paths)
    tree.sync_all(content)
    return entries


def _written(target: Path, data: Path, entries: tuple[Entry, ...]) -> Listing:
    """The list of what was copied, now on the disk too."""
    directory = tree.entry("", data.stat())
    listing = Listing(
        format=FORMAT,
        release=version(),
        host=socket.gethostname(),
        made=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        users=owners.user_names({one.user for one in (directory, *entries)}),
        groups=owners.group_names({one.group for one in (directory, *entries)}),
        directory=directory,
        entries=entries,
    )
    made = target / f"{NAME}.new"
    tree.write(made, msgspec.json.format(msgspec.json.encode(listing)) + b"\n")
    tree.sync(made)
    made.replace(target / NAME)
    tree.sync(target)
    return listing


def _is_in(path: Path, directory: Path) -> bool:
    with contextlib.suppress(OSError):
        return path.resolve().is_relative_to(directory.resolve())
    return False
