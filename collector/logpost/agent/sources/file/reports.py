"""What is said about what cannot be read: once of each, and again when it was read in between."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from logpost.agent.sources.file.file_names import as_one_line
from logpost.said_once import SaidOnce

REMEDY = "; let a group of this user read it (adm reads most logs), or see `logpost doctor`"

KEPT_FOR_ROOT = "/var/log/private"
"""systemd makes it on every host, for services whose users come and go; mostly it is empty."""


class Reports:
    """Used by one thread."""

    def __init__(self) -> None:
        self._said = SaidOnce(logging.getLogger("agent"))
        self._unlisted: set[str] = set()

    def tell(self, path: Path, error: OSError) -> None:
        """The file at `path` is not read, because of `error`."""
        self._said.warn(path, "%s is not read: %s%s", as_one_line(path), error.strerror, _remedy(error))

    def over(self, path: Path) -> None:
        """It is read."""
        self._said.over(path)

    def unlisted(self, directories: Mapping[str, OSError]) -> None:
        """All directories that a look at names could not list."""
        for directory, error in directories.items():
            told = as_one_line(Path(directory)), error.strerror, _remedy(error)
            say = self._said.info if directory == KEPT_FOR_ROOT else self._said.warn
            say(directory, "what is in %s is not read: it cannot be listed: %s%s", *told)
        for directory in self._unlisted - directories.keys():
            self._said.over(directory)
        self._unlisted = set(directories)


def _remedy(error: OSError) -> str:
    return REMEDY if isinstance(error, PermissionError) else ""
