"""Logs that an earlier run has read and that are gone, also under the names that rotation gives: said once."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from pathlib import Path

from logpost.agent.sources.file.file_names import as_one_line
from logpost.agent.sources.file.fingerprint import is_same_file
from logpost.agent.sources.file.opening import bytes_of
from logpost.agent.sources.file.position import FilePosition


def tell_gone(missed: Iterable[FilePosition], logs: Collection[Path]) -> int:
    """Say which of the `logs` lost what was written to them after their positions; returns how many did. `missed`:
    positions whose files were not found; the older ones of a log are of files that had been read to their end."""
    newest: dict[Path, FilePosition] = {}
    for position in sorted(missed, key=lambda position: (position.written_ns, position.seen)):
        newest[next(iter(position.names))] = position
    gone = [(name, at) for name, at in newest.items() if name in logs and not at.gone and not _is_there(at)]
    for _, position in gone:
        position.gone = True
    if gone:
        name, position = gone[0]
        more = f", and {len(gone) - 1} more logs" if len(gone) > 1 else ""
        logging.getLogger("agent").warning(
            "%s was rotated, removed or written over while the agent was not running, and is found nowhere around%s: "
            "what was written to it behind its first %d bytes meanwhile is not shipped",
            as_one_line(name),
            more,
            position.offset,
        )
    return len(gone)


def _is_there(position: FilePosition) -> bool:
    """The file has its name still, and cannot be read for a reason that is said elsewhere."""
    for name in position.names:
        try:
            with bytes_of(name) as (read_at, status):
                known = (position.device, position.inode) == (status.st_dev, status.st_ino)
                if known and is_same_file(position.fingerprint, read_at, position.offset):
                    return True
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            return True
    return False
