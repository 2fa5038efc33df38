"""What is said about files that cannot be read: once for each, and again when it was read in between."""

from __future__ import annotations

import logging
from pathlib import Path

from logpost.agent.sources.file.file_names import as_one_line
from logpost.said_once import SaidOnce


class Reports:
    """Used by one thread."""

    def __init__(self) -> None:
        self._said = SaidOnce(logging.getLogger("agent"))

    def tell(self, path: Path, error: OSError) -> None:
        """The file at `path` is not read, because of `error`."""
        self._said.warn(path, "%s is not read: %s", as_one_line(path), error.strerror)

    def over(self, path: Path) -> None:
        """It is read."""
        self._said.over(path)
