"""Where a file's stream stands: only what the broker acknowledged."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from logpost.agent.sources.file.file_names import as_text, exact, path_of
from logpost.agent.sources.file.fingerprint import Fingerprint


class FilePosition(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One life of one file."""

    id: str
    path: str
    """Its name when it was first seen: what records say."""
    raw: str = ""
    """The bytes of that name in hexadecimal, when it is not UTF-8."""
    target: str = ""
    """Where the name led, when it was a link: what rotation makes of the file stands there."""
    device: int
    inode: int
    offset: int
    """Every byte before it is acknowledged."""
    cut: int = 0
    """Where a last line without newline was cut when it was shipped; 0 or not after `offset`: nowhere. The line is cut
    there again when it must be sent again, although it may have grown since."""
    fingerprint: Fingerprint
    """Taken at `offset`."""
    seen: int
    """When the file was last there, Unix seconds."""
    written_ns: int = 0
    """When the file was last written to, as it was when `offset` was taken; a copy of it is not older."""
    packed: bool = False
    """Device and inode are those of its compressed copy, which was read to its end."""
    gone: bool = False
    """Its file was not found any more, which was said if it may have had more than was read."""

    @property
    def names(self) -> Iterator[Path]:
        """Where it was, and where rotation may have left it."""
        yield path_of(self.path, self.raw)
        if self.target:
            yield Path(self.target)


def new_position(stream: str, path: Path, status: os.stat_result, offset: int, taken: Fingerprint) -> FilePosition:
    """A stream that begins at `offset` of the file that `status` describes."""
    target = os.path.realpath(path)
    return FilePosition(
        id=stream,
        path=as_text(path),
        raw=exact(path),
        target="" if target == str(path) or exact(target) else target,
        device=status.st_dev,
        inode=status.st_ino,
        offset=offset,
        fingerprint=taken,
        seen=0,
        written_ns=status.st_mtime_ns,
    )
