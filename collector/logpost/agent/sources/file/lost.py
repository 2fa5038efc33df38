"""Streams whose files went away: a copy that comes to light soon after is of one of them, and no new stream."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from logpost.agent.sources.file.fingerprint import Fingerprint, ReadAt, identifies_copies, is_same_file
from logpost.agent.sources.file.position import FilePosition
from logpost.agent.sources.file.rotation import originals

KEPT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class _Lost:
    position: FilePosition
    known_to: int
    known: Fingerprint
    until: float

    def is_at(self, path: str, read_at: ReadAt) -> bool:
        """The file has all that was read: it may have been made of the log, or enough was read to be sure of it."""
        named = not {str(name) for name in self.position.names}.isdisjoint((path, *originals(path)))
        return (named or identifies_copies(self.known)) and is_same_file(self.known, read_at, self.known_to)


class LostStreams:
    """Used by one thread. Times are monotonic seconds of the caller."""

    def __init__(self) -> None:
        self._lost: deque[_Lost] = deque()

    def add(self, position: FilePosition, known_to: int, known: Fingerprint, now: float) -> None:
        """`known`: of the bytes up to `known_to`, all that were read."""
        while self._lost and self._lost[0].until <= now:
            self._lost.popleft()
        if known_to:
            self._lost.append(_Lost(position, known_to, known, now + KEPT_SECONDS))

    def take(self, path: str, read_at: ReadAt) -> FilePosition | None:
        """The stream that the file at `path` is a copy of, no longer lost then."""
        found = next((lost for lost in self._lost if lost.is_at(path, read_at)), None)
        if found is None:
            return None
        self._lost.remove(found)
        return found.position
