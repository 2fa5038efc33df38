"""Which files are read: globs and exclusions. Strings, not paths: a scan goes over every name every second."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from logpost.agent.sources.file.rotation import COMPRESSED

_Part = str | re.Pattern[str]
"""Of a glob, between slashes: a name, `**`, or what a name must match."""
_WILDCARD = re.compile(r"[*?\[]")


class PathRules:
    """The globs of one set of files. `forbidden`: directories that are never read, whatever the globs say."""

    def __init__(self, patterns: Iterable[str], exclude: Iterable[str], forbidden: Sequence[Path]) -> None:
        """Raises ValueError with the pattern that is malformed."""
        absolute = [_absolute(pattern) for pattern in patterns]
        self._regexes = tuple(_compiled(str(pattern)) for pattern in absolute)
        self._globs = [_fixed_part(pattern) for pattern in absolute]
        self._exclude = tuple(_compiled(pattern) for pattern in exclude)
        self.directories: set[str] = set()
        """Directories in which the last look searched for names."""
        self.listed: set[str] = set()
        """Directories that the last look listed, or wanted to."""
        self.unlisted: dict[str, OSError] = {}
        """Of these, those that cannot be listed."""
        self._forbidden = tuple(f"{directory.absolute()}{os.sep}" for directory in forbidden)

    def find(self) -> Iterator[str]:
        """Paths that match now; a path that several patterns match comes several times."""
        for found in (self.directories, self.listed, self.unlisted):
            found.clear()
        for root, below in self._globs:
            for path in self._matching(str(root), below):
                if not path.endswith(COMPRESSED) and self.allows(path):
                    yield path

    def _matching(self, directory: str, parts: Sequence[_Part]) -> Iterator[str]:
        """Paths below `directory`. A directory that goes meanwhile, or cannot be listed, hides nothing but what is in
        it (Path.glob ends there, until Python 3.13). `**` follows no symbolic links, as they may lead in circles."""
        if not parts:
            if os.path.lexists(directory):
                yield directory
            return
        first, rest = parts[0], parts[1:]
        if not rest:
            self.directories.add(directory)
        if isinstance(first, re.Pattern):
            for entry in self._entries(directory):
                if first.match(entry.name):
                    yield from self._matching(entry.path, rest) if rest else (entry.path,)
        elif first != "**":
            yield from self._matching(f"{directory.rstrip(os.sep)}{os.sep}{first}", rest)
        else:
            below = [directory]
            while below:  # directories may be nested deeper than calls
                inner = below.pop()
                yield from self._matching(inner, rest)
                below += [entry.path for entry in self._entries(inner) if entry.is_dir(follow_symlinks=False)]

    def _entries(self, directory: str) -> list[os.DirEntry[str]]:
        self.listed.add(directory)
        try:
            with os.scandir(directory) as entries:
                return list(entries)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            self.unlisted[directory] = error
            return []

    def matches(self, path: str) -> bool:
        """A file of this name would be read."""
        named = any(regex.match(path) for regex in self._regexes)
        return named and not path.endswith(COMPRESSED) and self.allows(path)

    def allows(self, path: str) -> bool:
        """Nothing forbids to read a file of this name."""
        if path.startswith(self._forbidden):
            return False
        if not self._exclude:
            return True
        name = path.rpartition("/")[2]
        return not any(pattern.match(path) or pattern.match(name) for pattern in self._exclude)

    def watched(self) -> Iterator[tuple[Path, bool]]:
        """(directory, with all below it) that new files can appear in."""
        for root, below in self._globs:
            yield root, below[0] == "**" or len(below) > 1


def _absolute(pattern: str) -> Path:
    try:
        path = Path(pattern).expanduser()
    except RuntimeError as error:
        raise ValueError(f'"{pattern}": no such user') from error
    if not path.is_absolute():
        raise ValueError(f'"{pattern}" depends on where the agent is started: write the whole path, from / on')
    if any("**" in part and part != "**" for part in path.parts):
        raise ValueError(f'"{pattern}": ** must stand alone between slashes')
    if _is_directory(path):
        raise ValueError(f'"{pattern}" is a directory: name its files, for example "{path / "*.log"}"')
    return path


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False  # a directory above it is closed to us


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(glob_regex(pattern))
    except re.error as error:
        raise ValueError(f'"{pattern}": {error.msg}') from error


def _fixed_part(pattern: Path) -> tuple[Path, list[_Part]]:
    """(the directory before the first wildcard, what follows it)."""
    parts = (*pattern.parts, "*") if pattern.name == "**" else pattern.parts
    fixed = next((n for n, part in enumerate(parts) if _WILDCARD.search(part)), len(parts) - 1)
    below = [_compiled(part) if _WILDCARD.search(part) and part != "**" else part for part in parts[fixed:]]
    return Path(*parts[:fixed]), below


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
