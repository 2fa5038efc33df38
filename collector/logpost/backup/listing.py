"""The list of a backup: what is in it, with checksums. It is written last, so that a directory without one is no
backup. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TypeVar

import msgspec

from logpost.errors import LogpostError

FORMAT = 1
NAME = "backup.json"
CONTENT = "data"
"""The directory beside the list that has what is listed."""

T = TypeVar("T")


class BackupError(LogpostError):
    """A backup that cannot be made, or one that cannot be restored."""


class Entry(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """`path`: from the data directory on, empty for itself. A file has a `sha256`, a link what it leads to, a directory
    neither. `mode`: permission bits; `user`, `group`: their numbers. Owners, modes, times and links are here alone:
    the disk of a backup may know none of them, and what copies it to another host may follow links."""

    path: str
    mode: int
    user: int
    group: int
    mtime_ns: int
    size: int = 0
    sha256: str = ""
    link: str = ""

    @property
    def is_directory(self) -> bool:
        return not self.sha256 and not self.link


class Listing(msgspec.Struct, kw_only=True, frozen=True):
    """`release`: of the logpost that made it. `made`: RFC 3339. `users`, `groups`: number → name there.
    `directory`: the data directory itself."""

    format: int
    release: str
    host: str
    made: str
    users: dict[int, str] = {}
    groups: dict[int, str] = {}
    directory: Entry
    entries: tuple[Entry, ...]

    @property
    def size_bytes(self) -> int:
        return sum(entry.size for entry in self.entries)


class _Format(msgspec.Struct):
    format: int


def decoded(text: bytes, listing: type[T], name: str, newest: int) -> T:
    """A list of this type, of the file `name`. Raises BackupError for what is none, or one of a format above
    `newest`."""
    try:
        found = msgspec.json.decode(text, type=_Format).format
        if found > newest:
            raise BackupError(f"its format {found} is of a newer logpost: install that")
        return msgspec.json.decode(text, type=listing)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BackupError(f"its {name} is damaged: {error}") from error


def parsed(text: bytes, release: str) -> Listing:
    """Raises BackupError for what is no list, or one of a newer logpost than this `release`."""
    listing = decoded(text, Listing, NAME, FORMAT)
    if _numbers(listing.release) > _numbers(release):
        raise BackupError(f"it was made by logpost {listing.release}, this is {release}: install the newer one")
    if unsafe := next((entry.path for entry in listing.entries if _leads_out(entry.path)), None):
        raise BackupError(f"its {NAME} is damaged: {unsafe!r} is no path in a data directory")
    return listing


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", release)[:3])


def _leads_out(path: str) -> bool:
    return path.startswith("/") or not path or any(part in ("", ".", "..") for part in path.split("/"))


def differences(listing: Listing, found: Mapping[str, int]) -> Iterator[str]:
    """How the content differs from its list by names and sizes. `found`: path → bytes, of directories 0."""
    listed = {entry.path: entry for entry in listing.entries if not entry.link}
    for path, entry in listed.items():
        if path not in found:
            yield f"{path} is missing"
        elif entry.sha256 and entry.size != found[path]:
            yield f"{path} has {found[path]:,} bytes, and had {entry.size:,}"
    for path in found.keys() - listed.keys():
        yield f"{path} is not in its list"
