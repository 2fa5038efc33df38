"""What the parts say: to the terminal, and to `<data>/log/<part>.log`, which the agent ships like any other log."""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import sys
from pathlib import Path

MAX_BYTES = 10 * 1024 * 1024
KEPT_FILES = 3


class _File(logging.handlers.RotatingFileHandler):
    """Says once why it cannot be written, in one line, until it can be."""

    _cannot = False

    def emit(self, record: logging.LogRecord) -> None:
        self._fails = False
        super().emit(record)
        self._cannot = self._fails

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # the name of logging
        self._fails = True
        error = sys.exc_info()[1]
        if not self._cannot:
            with contextlib.suppress(OSError):
                why = getattr(error, "strerror", None) or error
                sys.stderr.write(f"{self.baseFilename} cannot be written: {why}\n")


class PartLogs:
    """One size-rotated file per part."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._files: dict[str, logging.Handler] = {}

    def file(self, part: str) -> logging.Handler:
        if part not in self._files:
            self._files[part] = _File(
                self._directory / f"{part}.log", maxBytes=MAX_BYTES, backupCount=KEPT_FILES, encoding="utf-8"
            )
        return self._files[part]

    def write(self, part: str, line: str) -> None:
        self.file(part).emit(logging.makeLogRecord({"msg": line}))

    def close(self) -> None:
        for file in self._files.values():
            with contextlib.suppress(OSError):  # the last line, on a full disk
                file.close()
