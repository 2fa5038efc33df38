"""What another user has left in a directory of ours, as root does who runs a service once by hand, or who copies data
without its owners."""

from __future__ import annotations

import contextlib
import os
import shlex
import stat
from pathlib import Path


def remedy(error: BaseException | None) -> str:
    """What mends a refusal that came of such a file or directory, for the end of a message; else the empty text."""
    while error is not None and not isinstance(error, PermissionError):
        error = error.__cause__
    if error is None or not isinstance(error.filename, str):
        return ""
    return mended(Path(error.filename))


def mended(path: Path) -> str:
    """As `remedy`, of what keeps us from `path`: itself, or a directory on the way to it."""
    for one in (path, *path.parents):
        if _is_closed(one) and str(one) in os.environ.get("STATE_DIRECTORY", ""):
            return f": the user of the unit may not look into {one}; as root: chmod 755 {shlex.quote(str(one))}"
        with contextlib.suppress(OSError):
            found, ours = one.lstat(), one.parent.stat().st_uid
            if found.st_uid != ours and ours == os.geteuid():
                whole = " -R" if stat.S_ISDIR(found.st_mode) else ""
                return f": {one} belongs to another user; as root: chown{whole} {ours} {shlex.quote(str(one))}"
    return ""


def _is_closed(path: Path) -> bool:
    try:
        return path.is_dir() and not os.access(path, os.X_OK)
    except OSError:
        return False


def refused(directory: Path) -> Path | None:
    """A file below that this process may not read, or a directory that it may not change; None where there is none. A
    disk that is read-only is another thing."""
    for place, folders, files in os.walk(directory):
        for name in (*folders, *files):
            path = os.path.join(place, name)  # noqa: PTH118 - a store has tens of thousands of files
            if not _is_usable(path, is_folder=name in folders) and os.path.exists(path):  # noqa: PTH110 - or links
                return Path(path)
    return None


def _is_usable(path: str, *, is_folder: bool) -> bool:
    if not is_folder:
        return os.access(path, os.R_OK)
    return os.access(path, os.R_OK | os.X_OK) and (os.access(path, os.W_OK) or os.stat(path).st_uid == os.geteuid())  # noqa: PTH116
