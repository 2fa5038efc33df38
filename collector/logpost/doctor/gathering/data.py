"""The data directory: who may use it, how much room there is, when it was written last. Looks, and changes nothing."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from logpost.config import Config
from logpost.doctor.checks.disk import FileSystemFacts
from logpost.doctor.checks.rights import DirectoryFacts
from logpost.doctor.gathering.machine import Machine
from logpost.processes import PARTS, user_name
from logpost.service import RESTORING

MOST_PATHS = 200_000
"""That are looked at in a part's directory."""
LOST_AND_FOUND = "lost+found"
RESERVE_SHARE = 20
"""The broker's reserve is at most this part of the file system."""


def directories(data: Path) -> Iterator[DirectoryFacts]:
    """The data directory, then those of the parts that there are."""
    top = _stat(data, follow=True) or _stat(data)
    if top is None:
        yield DirectoryFacts(path=str(data), exists=False, problem=_cannot_make(data))
        return
    yield _directory(data, top.st_uid, [])  # that others see which parts there are tells them nothing
    for name in sorted(PARTS.values()):
        part = data / name
        # What a link leads to counts: a part may have been moved to another disk.
        if (found := _stat(part, follow=True) or _stat(part)) is not None:
            # A part may have a user of its own, but none of logpost's is root where the data is another's.
            yield _directory(part, found.st_uid or top.st_uid, _below(part))


def _cannot_make(data: Path) -> str:
    above = next(path for path in data.absolute().parents if _stat(path) is not None)
    return "" if os.access(above, os.W_OK | os.X_OK) else f"{above} may not be written by {user_name(os.geteuid())}"


def _directory(directory: Path, owner: int, paths: Iterable[Path]) -> DirectoryFacts:
    foreign: tuple[str, str] | None = None
    open_to_others = ""
    for path in paths:
        found = _stat(path)
        if found is None or stat.S_ISLNK(found.st_mode):
            continue
        if found.st_uid != owner and foreign is None:
            foreign = (str(path), user_name(found.st_uid))
        if found.st_mode & 0o007 and not open_to_others:
            open_to_others = str(path)
    user = os.geteuid()
    return DirectoryFacts(
        path=str(directory),
        exists=True,
        user=user_name(owner),
        problem=_problem(directory, owner),
        foreign=foreign,
        open_to_others=open_to_others,
        remark=""
        if user in (0, owner) or os.access(directory, os.R_OK | os.X_OK)
        else f"{directory} is not open to us",
    )


def _problem(directory: Path, owner: int) -> str:
    mode = directory.stat().st_mode if _stat(directory) is not None else 0
    if not stat.S_ISDIR(mode):
        return "is no directory"
    if mode & 0o700 != 0o700:
        return f"its owner {user_name(owner)} may not write it (mode {mode & 0o777:04o})"
    user = os.geteuid()
    if user not in (0, owner) and not os.access(directory, os.W_OK | os.X_OK):
        return f"may not be written by {user_name(user)}"
    return ""


def _below(directory: Path) -> Iterator[Path]:
    """It and what is in it, as far as this user may look."""
    yield directory
    left = MOST_PATHS
    for place, folders, files in os.walk(directory):
        if Path(place) == directory and LOST_AND_FOUND in folders:
            folders.remove(LOST_AND_FOUND)  # the disk's own, and root's
        for name in (*folders, *files):
            yield Path(place, name)
        left -= len(folders) + len(files)
        if left <= 0:
            return


def _is_there(path: Path) -> bool:
    """And this user may know it."""
    try:
        return path.exists()
    except OSError:
        return False


def _stat(path: Path, *, follow: bool = False) -> os.stat_result | None:
    try:
        return path.stat(follow_symlinks=follow)
    except OSError:
        return None


def restored(data: Path) -> str:
    """The data directory, where `logpost restore` is under way in it; else nothing."""
    return str(data) if _is_there(data / RESTORING) else ""


def file_systems(machine: Machine, config: Config, data: Path) -> Iterator[FileSystemFacts]:
    """One for each that data or a part's directory lies on."""
    seen: set[int] = set()
    for place in (data, *(data / name for name in PARTS.values())):
        path = next(one for one in (place, *place.absolute().parents) if _is_there(one))
        if place != data and path != place:
            continue
        device = path.stat().st_dev
        if device in seen:
            continue
        seen.add(device)
        found = machine.statvfs(path)
        total = found.f_blocks * found.f_frsize
        yield FileSystemFacts(
            path=str(path),
            total_bytes=total,
            free_bytes=found.f_bavail * found.f_frsize,
            inodes=found.f_files,
            free_inodes=found.f_favail,
            is_read_only=bool(found.f_flag & os.ST_RDONLY),
            reserve_bytes=min(config.broker.disk_reserve_bytes, total // RESERVE_SHARE),
            kind=_kind(machine.proc, device),
        )


def _kind(proc: Path, device: int) -> str:
    """Of the file system: `29 1 254:0 / /var rw shared:1 - ext4 /dev/vda rw`; empty where it is not known."""
    with contextlib.suppress(OSError):
        for line in (proc / "self" / "mountinfo").read_text(errors="replace").splitlines():
            if line.split()[2] == f"{os.major(device)}:{os.minor(device)}":
                return line.partition(" - ")[2].split()[0]
    return ""


def newest(data: Path) -> tuple[str, float] | None:
    """The file that was written last, and when."""
    found: tuple[float, str] | None = None
    for name in PARTS.values():
        for path in _below(data / name):
            known = _stat(path)
            if known is not None and stat.S_ISREG(known.st_mode):
                found = max(found or (0.0, ""), (known.st_mtime, str(path)))
    return None if found is None else (found[1], found[0])
