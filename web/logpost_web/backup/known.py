"""Which backups of the store there are, as far as it was told: a small file beside it. What is deleted from the store
is in them still."""

from __future__ import annotations

import contextlib
import datetime
from pathlib import Path

import msgspec

from logpost_web.store import durable

FILE = "backups.json"
"""In the directory `store/`."""


class Known(msgspec.Struct, kw_only=True, frozen=True):
    """`directory`: where the command was told to make it, from the root on; `made`: RFC 3339, the moment of which its
    rows are. Not `is_whole`: it was begun, and may be a part of one."""

    directory: str
    made: str
    is_whole: bool

    @property
    def made_ms(self) -> int:
        """Unix milliseconds; 0 for a time that is none."""
        with contextlib.suppress(ValueError):
            return int(datetime.datetime.fromisoformat(self.made).timestamp() * 1000)
        return 0


def backups(directory: Path) -> list[Known]:
    """In the order in which they were begun. `directory`: `store/`. A file that is damaged is as none."""
    with contextlib.suppress(FileNotFoundError, msgspec.MsgspecError):
        return msgspec.json.decode((directory / FILE).read_bytes(), type=list[Known])
    return []


def begun(directory: Path, target: str, made: str) -> None:
    """Raises OSError."""
    new = Known(directory=target, made=made, is_whole=False)
    kept = [one for one in backups(directory) if one.is_whole or one.directory != target]
    _write(directory, [*kept, new])


def ended(directory: Path, target: str, made: str) -> None:
    """It is whole, and nothing else is in that directory. Raises OSError."""
    new = Known(directory=target, made=made, is_whole=True)
    _write(directory, [*(one for one in backups(directory) if one.directory != target), new])


def _write(directory: Path, known: list[Known]) -> None:
    durable.replace(directory / FILE, msgspec.json.format(msgspec.json.encode(known)) + b"\n")
