"""The list of a backup of a store: its parts, with checksums. It is written last, so that a directory without one is no
backup. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

import msgspec

from logpost.backup.listing import BackupError, decoded
from logpost_web.store.version import StoreVersion

FORMAT = 1
NAME = "parts.json"
CONTENT = "parts"
"""The directory beside the list that has what is listed."""


_NAME = re.compile(r"[\w-]+")


class SavedPart(msgspec.Struct, kw_only=True, frozen=True):
    """`identity`: of the engine's own list of its files: parts of one name and identity are the same. `changed_ns`:
    when the newest of its files was written here. `sha256`: of the names and contents of all."""

    table: str
    name: str
    identity: str
    files: int
    size: int
    changed_ns: int
    sha256: str

    @property
    def place(self) -> str:
        """Its directory, below CONTENT."""
        return place(self.table, self.name, self.identity)

    @property
    def unit(self) -> str:
        """The id of its table partition."""
        return self.name.partition("_")[0]


class Listing(msgspec.Struct, kw_only=True, frozen=True):
    """`made`: RFC 3339, the moment of which the rows are. `tables`: name → the statement that made it."""

    format: int
    store: StoreVersion
    host: str
    made: str
    tables: dict[str, str]
    parts: tuple[SavedPart, ...]

    @property
    def size_bytes(self) -> int:
        return sum(part.size for part in self.parts)

    def of(self, table: str) -> list[SavedPart]:
        return [part for part in self.parts if part.table == table]


def place(table: str, name: str, identity: str) -> str:
    return f"{table}/{name}-{identity[:16]}"


def digest(files: Iterable[tuple[str, int, str]]) -> str:
    """Of name, size and SHA-256 of each."""
    lines = (f"{name}\0{size}\0{sha256}\n" for name, size, sha256 in sorted(files))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def parsed(text: bytes) -> Listing:
    """Raises BackupError for what is no list, or one of a newer logpost."""
    listing = decoded(text, Listing, NAME, FORMAT)
    for part in listing.parts:
        if part.table not in listing.tables or any(
            one in ("", ".", "..") or "/" in one for one in (part.table, part.name)
        ):
            raise BackupError(f"its {NAME} is damaged: {part.name!r} of {part.table!r} is no part of a store")
    return listing
