"""What is said about files that cannot be read: once for each."""

from __future__ import annotations

import logging
from pathlib import Path

from logpost.agent.sources.file.file_names import as_one_line

MAX_REPORTED = 1000
"""Files that a warning was given for; none is given for more."""


class Reports:
    """Used by one thread."""

    def __init__(self) -> None:
        self._reported: set[Path] = set()
        self._log = logging.getLogger("agent")

    def tell(self, path: Path, error: OSError) -> None:
        """The file at `path` is not read, because of `error`."""
        if path not in self._reported and len(self._reported) < MAX_REPORTED:
            self._reported.add(path)
            self._log.warning("%s is not read: %s", as_one_line(path), error.strerror)
