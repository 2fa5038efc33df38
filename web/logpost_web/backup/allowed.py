"""From which directories a web that runs is told to restore. Who reaches its port may name any; but what it reads there
becomes lines that everybody finds, and its answers say what stands where.

So it is a directory below `store.backups`, or one that somebody who may write to the data directory names there: the
command does, for as long as it waits.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from logpost.backup.listing import BackupError
from logpost_web.store import durable

FILE = "restore-from"
"""In the directory `store/`."""


@contextlib.contextmanager
def allowing(store: Path, directory: Path) -> Iterator[None]:
    """Meanwhile `directory` is one. `store`: `store/` of the data directory. Raises OSError."""
    durable.replace(store / FILE, str(directory).encode())
    (store / FILE).chmod(0o644)  # root tells a web that is another user's
    try:
        yield
    finally:
        (store / FILE).unlink(missing_ok=True)


def check(store: Path, backups: str, directory: Path) -> None:
    """Raises BackupError for one that is none. `backups`: the setting, empty for none."""
    with contextlib.suppress(OSError):
        if (store / FILE).read_bytes() == str(directory).encode():
            return
    with contextlib.suppress(OSError, RuntimeError):  # a circle of links
        if backups and directory.resolve().is_relative_to(Path(backups).resolve()):
            return
    where = f"below store.backups ({backups})" if backups else "below store.backups, which is not set"
    raise BackupError(
        f"{directory} is not {where}: put the backup there, or run `logpost store restore {directory}` on this machine"
    )
