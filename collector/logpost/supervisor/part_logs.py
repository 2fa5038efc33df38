"""What the parts say: to the terminal, and to `<data>/log/<part>.log`, which the agent ships like any other log."""

from __future__ import annotations

import logging
import logging.handlers
from pathlib import Path

MAX_BYTES = 10 * 1024 * 1024
KEPT_FILES = 3


class PartLogs:
    """One size-rotated file per part."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._files: dict[str, logging.Handler] = {}

    def file(self, part: str) -> logging.Handler:
        if part not in self._files:
            self._files[part] = logging.handlers.RotatingFileHandler(
                self._directory / f"{part}.log", maxBytes=MAX_BYTES, backupCount=KEPT_FILES, encoding="utf-8"
            )
        return self._files[part]

    def write(self, part: str, line: str) -> None:
        self.file(part).emit(logging.makeLogRecord({"msg": line}))

    def close(self) -> None:
        for file in self._files.values():
            file.close()
