"""Where each stream stands, in `<data>/agent/positions.json`: only what the broker acknowledged.

Replaced atomically (temporary file, fsync, rename, fsync of the directory). A file that cannot be understood stops the
agent and stays as it is: to begin again silently would ship everything twice.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from logpost.agent.sources.file.position import FilePosition
from logpost.agent.sources.journal.position import JournalPosition
from logpost.errors import StartError

VERSION = 1

log = logging.getLogger("agent")


class Saved(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The content of the positions file."""

    version: int = VERSION
    machine: str = ""
    """The machine that sent these streams; empty where it has no id."""
    files: list[FilePosition] = []
    journal: JournalPosition | None = None

    def on(self, machine: str, new_id: Callable[[], str]) -> Saved:
        """The same places on `machine`. On another one than before, a clone or what a golden image was put on, they
        are of new streams: the original goes on in the old ones."""
        if not machine or not self.machine or machine == self.machine:
            return msgspec.structs.replace(self, machine=machine or self.machine)
        journal = self.journal
        return msgspec.structs.replace(
            self,
            machine=machine,
            files=[msgspec.structs.replace(position, id=new_id()) for position in self.files],
            journal=journal and msgspec.structs.replace(journal, id=new_id()),
        )


class _Version(msgspec.Struct):
    version: int = VERSION


def load(path: Path) -> Saved:
    """Read the positions; none when there is no file yet. Raises StartError."""
    try:
        text = path.read_bytes()
        version = msgspec.json.decode(text, type=_Version).version  # first: another version may have other fields
        if version != VERSION:
            raise StartError(
                f"the agent's positions {path} have version {version}; this logpost knows {VERSION}: "
                "use the release that wrote them"
            )
        return msgspec.json.decode(text, type=Saved)
    except FileNotFoundError:
        return Saved()
    except OSError as error:
        raise StartError(f"cannot read the agent's positions {path}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StartError(
            f"the agent's positions {path} are damaged ({error}); move the file away to ship all files from their start"
        ) from error


def load_on(file: PositionsFile, machine: str, new_id: Callable[[], str]) -> Saved:
    """The positions as this machine goes on from them; new streams are durable on return. Raises StartError."""
    saved = load(file.path)
    here = saved.on(machine, new_id)
    if saved.machine and here.machine != saved.machine:
        log.warning("these positions are of another machine: new streams begin where they end")
        try:
            file.save(here)
        except OSError as error:
            raise StartError(f"cannot write the agent's positions {file.path}: {error.strerror}") from error
    return here


class PositionsFile:
    """Writes positions, when they changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._written = b""

    def written_ns(self) -> int | None:
        """When it was written last, by the file system's clock; None: never."""
        try:
            return self.path.stat().st_mtime_ns
        except OSError:
            return None

    def save(self, saved: Saved) -> None:
        """Durable on return. Raises OSError."""
        content = msgspec.json.encode(saved)
        if content == self._written:
            return
        temporary = self.path.with_suffix(".json.new")
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path)
        directory = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        self._written = content
