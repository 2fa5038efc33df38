"""What rotation calls the files that it makes of a log: `app.log.1`, `app.log-20261128.gz`, `app-2026-11-28.log`. Pure.

Names only suggest. Which file it is, its inode and its bytes say; a name decides only whether a file whose first bytes
are those of a log may be that log at all: two files with the same first bytes are two files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

READABLE = (".gz", ".bz2", ".xz", ".zst")
"""Endings of compressed files that can be read on."""
COMPRESSED = (*READABLE, ".lz4", ".zip", ".Z", ".br", ".lzma", ".7z")
SECOND_NS = 1_000_000_000
_SEPARATOR = re.compile(r"[.\-_]")
_COUNTED = re.compile(r"(?:\d[\dTZ_.:\-]*|old|bak|prev|save)(\.[A-Za-z]\w*)?", re.ASCII)
"""A number or a time, and the ending of a log that keeps it last."""


def is_older(copy_ns: int, original_ns: int) -> bool:
    """A copy last written to at `copy_ns` cannot have all of a file that was written to at `original_ns`. What keeps
    the time of a file may keep whole seconds only: bzip2 does."""
    return copy_ns // SECOND_NS < original_ns // SECOND_NS


def unpacked_name(name: str) -> str:
    """The name without the ending of a compressed file."""
    return next((name.removesuffix(ending) for ending in COMPRESSED if name.endswith(ending)), name)


def originals(path: str) -> Iterator[str]:
    """Paths of the logs that the file may have been made of, in its own directory."""
    directory, slash, name = path.rpartition("/")
    plain = unpacked_name(name)
    if plain != name:
        yield f"{directory}{slash}{plain}"
    for separator in _SEPARATOR.finditer(plain):
        counted = _COUNTED.fullmatch(plain, separator.end())
        if counted is not None and separator.start():
            yield f"{directory}{slash}{plain[: separator.start()]}{counted[1] or ''}"
