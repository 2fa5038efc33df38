"""Temporary files of the embedded engine, and of its client, which lays each block of rows in one: in the store's own
directory.

The host's place for them may be closed to this process by its unit, in memory, or on a small disk, and nobody removes
there what a process that was killed has left.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

VARIABLE = "TMPDIR"


class TemporaryFiles:
    """All of this process, from here until `close`. Raises OSError."""

    def __init__(self, directory: Path) -> None:
        """`directory`: of this process alone. It is emptied, and removed by `close`."""
        self._directory = directory
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        self._before = os.environ.get(VARIABLE), tempfile.tempdir
        os.environ[VARIABLE] = tempfile.tempdir = str(directory)

    def close(self) -> None:
        variable, tempfile.tempdir = self._before
        if variable is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = variable
        shutil.rmtree(self._directory, ignore_errors=True)
