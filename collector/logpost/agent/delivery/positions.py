"""Where each source stands, in `<data>/agent/positions.json`: only what the broker acknowledged.

What a cursor says, its source alone knows. The file is replaced atomically (temporary file, fsync, rename, fsync of the
directory). One that cannot be understood stops the agent and stays as it is: to begin again silently would ship
everything twice.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import structs

from logpost.errors import StartError

VERSION = 2

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an earlier run left a source."""

    path: Path
    """The positions file."""
    cursor: msgspec.Raw | None = None
    """JSON; None: nothing was saved."""
    saved_ns: int | None = None
    """When the file was written last, by the file system's clock; None: never."""
    original: str = ""
    """Names the other host that wrote it, if one did. The streams are those of that host, which goes on in them: here
    new ones begin at the cursor."""

    def read(self, kind: type[T]) -> T | None:
        """The cursor, None when nothing was saved. Raises StartError when it is damaged."""
        if self.cursor is None:
            return None
        try:
            return msgspec.json.decode(self.cursor, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _damaged(self.path, error) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """Who writes positions. `machine`: which one it is, empty where it has no id; `name`: the `host` of its records."""

    machine: str = ""
    name: str = ""


class PositionsFile:
    """Read when it is made. `host`: this one."""

    def __init__(self, path: Path, host: Host = Host()) -> None:
        """Raises StartError."""
        self.path = path
        self._host = host
        self._saved_ns = _written_ns(path)
        self._saved = _load(path)

    def place(self, source: str) -> Place:
        """Where the source with this id goes on."""
        saved = self._saved.get(source)
        if saved is None:
            return Place(path=self.path, saved_ns=self._saved_ns)
        return Place(path=self.path, cursor=saved.cursor, saved_ns=self._saved_ns, original=self._original(saved))

    def _original(self, saved: _Saved) -> str:
        """A host that has another name, or the same as a copy of it."""
        host = self._host
        if host.name and saved.host and host.name != saved.host:
            return f"host {saved.host}"
        if host.machine and saved.machine and host.machine != saved.machine:
            return "another machine"
        return ""

    def save(self, cursors: Mapping[str, msgspec.Raw]) -> None:
        """Save the cursors by their sources' ids, if one has changed; those of other sources, such as are not
        configured any more, stay. Durable on return. Raises OSError."""
        saved = dict(self._saved)
        for source, cursor in cursors.items():
            before = self._saved.get(source)
            saved[source] = _Saved(
                machine=self._host.machine or (before.machine if before else ""),
                host=self._host.name or (before.host if before else ""),
                cursor=cursor,
            )
        if saved != self._saved:
            _replace(self.path, msgspec.json.encode(_Content(version=VERSION, sources=saved)))
            self._saved = saved
            self._saved_ns = _written_ns(self.path)


class _Saved(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`machine`, `host`: that sent the streams; empty where it has no id, or is not known."""

    machine: str = ""
    host: str = ""
    cursor: msgspec.Raw


class _Content(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    version: int
    sources: dict[str, _Saved]


class _Content1(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Version 1, before sources had ids."""

    version: int = 1
    machine: str = ""
    files: msgspec.Raw = msgspec.Raw(b"[]")
    journal: msgspec.Raw = msgspec.Raw(b"null")


class _Version(msgspec.Struct):
    version: int = 1


def _load(path: Path) -> dict[str, _Saved]:
    """Source → what is saved of it; nothing when there is no file yet. Raises StartError."""
    try:
        text = path.read_bytes()
        version = msgspec.json.decode(text, type=_Version).version  # first: another version may have other fields
        if version == VERSION:
            found = msgspec.json.decode(text, type=_Content).sources
            # A copy: what was decoded keeps the whole file in memory.
            return {source: structs.replace(saved, cursor=saved.cursor.copy()) for source, saved in found.items()}
        if version == 1:
            return _of_version_1(msgspec.json.decode(text, type=_Content1))
        raise StartError(
            f"the agent's positions {path} have version {version}; this logpost knows {VERSION}: "
            "use the release that wrote them"
        )
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise StartError(f"cannot read the agent's positions {path}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _damaged(path, error) from error


def _of_version_1(content: _Content1) -> dict[str, _Saved]:
    cursors = {"file": content.files, "journal": content.journal}
    return {
        source: _Saved(machine=content.machine, cursor=cursor.copy())
        for source, cursor in cursors.items()
        if cursor != msgspec.Raw(b"null")
    }


def _damaged(path: Path, error: Exception) -> StartError:
    return StartError(
        f"the agent's positions {path} are damaged ({error}); move the file away to ship all files from their start"
    )


def _written_ns(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(".json.new")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
