"""The deletions that a store knows, in a small file beside it: how far they are survives whatever ends the process."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import msgspec

from logpost_web.deletion.deletion import Deletion

FILE = "deletions.json"
MAX_ENDED = 1000
"""Deletions that are over and still told of; what they deleted is kept for ever."""

log = logging.getLogger("deletion")


class Book:
    """For one thread, but for `all` and `get`. Methods that write raise OSError."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / FILE
        self._deletions = self._load()

    def _load(self) -> dict[str, Deletion]:
        try:
            found = msgspec.json.decode(self._file.read_bytes(), type=list[Deletion])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.MsgspecError) as error:
            log.warning("%s cannot be read: deletions are read from their topic again: %s", self._file, error)
            return {}
        return {one.id: one for one in found}

    def all(self) -> list[Deletion]:
        """In the order in which they were asked for."""
        return list(self._deletions.values())

    def get(self, deletion: str) -> Deletion | None:
        return self._deletions.get(deletion)

    def put(self, deletion: Deletion) -> None:
        self._deletions[deletion.id] = deletion
        self.save()

    def save(self) -> None:
        """Durable when it returns."""
        ended = [one.id for one in self._deletions.values() if not one.is_open and one.is_recorded]
        for old in ended[:-MAX_ENDED]:
            del self._deletions[old]
        new = self._file.with_suffix(".new")
        with new.open("wb") as file:
            file.write(msgspec.json.encode(self.all()))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._file)
        directory = os.open(self._file.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
