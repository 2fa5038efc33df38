"""Compressed copies that are read on, one at a time: they do not change, so they can wait."""

from __future__ import annotations

import logging
from collections import deque

from logpost.agent.packed import PackedReader
from logpost.agent.positions import FilePosition


class PackedFiles:
    """Used by one thread."""

    def __init__(self) -> None:
        self._waiting: deque[PackedReader] = deque()
        self._read: list[PackedReader] = []
        self._log = logging.getLogger("agent")

    @property
    def has_work(self) -> bool:
        return bool(self._waiting)

    @property
    def is_empty(self) -> bool:
        return not self._waiting and not self._read

    def add(self, reader: PackedReader) -> None:
        self._log.info("%s was compressed before it was read to its end: it is read on", reader)
        self._waiting.append(reader)

    def turn(self, now_ns: int) -> int:
        """Ship the lines of one chunk; answers how many."""
        reader = self._waiting[0]
        try:
            lines = reader.turn(now_ns)
        except OSError as error:
            # Its position stays where it is: what is behind may be there at the next start.
            self._log.warning("%s is not read any further: %s", reader, error.strerror)
            self._read.append(self._waiting.popleft())
            return 0
        if reader.ended:
            self._read.append(self._waiting.popleft())
        return lines

    def take_settled(self, now_s: int) -> list[FilePosition]:
        """Where those stand that are done."""
        settled = [reader for reader in self._read if reader.stream.acks.settled]
        for reader in settled:
            self._read.remove(reader)
            reader.update_position(now_s)
            reader.close()
        return [reader.position for reader in settled]

    def positions(self, now_s: int) -> list[FilePosition]:
        """Of those under way, as far as they are acknowledged."""
        reading = [*self._waiting, *self._read]
        for reader in reading:
            reader.update_position(now_s)
        return [reader.position for reader in reading]

    def close(self) -> None:
        for reader in [*self._waiting, *self._read]:
            reader.close()
