"""Which files are read: globs, exclusions, and the names that a rotated file may have."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".lz4", ".zip", ".Z", ".br", ".lzma", ".7z")
_WILDCARD = re.compile(r"[*?\[]")


class PathRules:
    """The globs of one source. `forbidden`: directories that are never read, whatever the globs say."""

    def __init__(self, patterns: Iterable[str], exclude: Iterable[str], forbidden: Sequence[Path]) -> None:
        absolute = [Path(pattern).expanduser().absolute() for pattern in patterns]
        self._globs = [_fixed_part(pattern) for pattern in absolute]
        self._regexes = tuple(re.compile(glob_regex(str(pattern))) for pattern in absolute)
        self._exclude = tuple(re.compile(glob_regex(pattern)) for pattern in exclude)
        self._forbidden = tuple(f"{directory.absolute()}{os.sep}" for directory in forbidden)

    def find(self) -> Iterator[Path]:
        """Paths that match now; a path that several patterns match comes several times."""
        for root, below in self._globs:
            for path in root.glob(below):
                if self._allowed(path):
                    yield path

    def matches(self, path: Path) -> bool:
        """A file of this name would be read."""
        return any(regex.match(str(path)) for regex in self._regexes) and self._allowed(path)

    def watched(self) -> Iterator[tuple[Path, bool]]:
        """(directory, with all below it) that new files can appear in."""
        for root, below in self._globs:
            yield root, "/" in below

    def _allowed(self, path: Path) -> bool:
        text = str(path)
        if path.name.endswith(COMPRESSED) or text.startswith(self._forbidden):
            return False
        return not any(pattern.match(text) or pattern.match(path.name) for pattern in self._exclude)


def _fixed_part(pattern: Path) -> tuple[Path, str]:
    """(the directory before the first wildcard, what follows it)."""
    parts = pattern.parts
    fixed = next((n for n, part in enumerate(parts) if _WILDCARD.search(part)), len(parts) - 1)
    return Path(*parts[:fixed]), "/".join(parts[fixed:])


def glob_regex(pattern: str) -> str:
    """A glob as a regular expression over the whole path; `**` crosses directories, `*` does not."""
    out = ""
    for part in re.split(r"(\*\*/?|\*|\?|\[[^]]*\])", pattern):
        if part.startswith("**"):
            out += "(?:.*/)?" if part.endswith("/") else ".*"
        elif part in ("*", "?"):
            out += "[^/]" + part.replace("?", "")
        elif part.startswith("["):
            members = part[1:-1].replace("\\", "\\\\")
            out += f"[^{members[1:]}]" if members.startswith("!") else f"[{members}]"
        else:
            out += re.escape(part)
    return rf"(?s:{out})\Z"


def files_beside(path: Path) -> list[Path]:
    """The files in the directory of `path` that rotation may have made of it; what is compressed cannot be read on."""
    try:
        return sorted(
            other for other in path.parent.iterdir() if not other.name.endswith(COMPRESSED) and other.is_file()
        )
    except OSError:
        return []  # the directory went with its files
