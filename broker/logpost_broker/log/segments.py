"""The segments of a log, in the order of their offsets, and which of them may have more than the disk."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path

from logpost_broker.log.batch import BatchHeader
from logpost_broker.log.files import Directory, File, Files, duplicates
from logpost_broker.log.segment import Segment


class Segments(list[Segment]):
    def __init__(self, files: Files, directory: Path) -> None:
        super().__init__()
        self._files = files
        self._directory = directory
        self.unsynced: list[Segment] = []
        self.rolled: list[Segment] = []
        """They ended since the last checkpoint: their indexes are not known to be on the disk."""
        self._names_unsynced = False

    @property
    def active(self) -> Segment:
        return self[-1]

    @property
    def are_synced(self) -> bool:
        """With their indexes and names."""
        return not (self.unsynced or self.rolled or self._names_unsynced)

    @property
    def size_bytes(self) -> int:
        return sum(segment.size_bytes for segment in self)

    def add(self, base_offset: int) -> Segment:
        segment = Segment(self._files, self._directory, base_offset)
        if self:
            self.active.checked.end_offset = base_offset
        self.append(segment)
        self._names_unsynced = True
        return segment

    def roll(self, base_offset: int) -> None:
        """End the active one, and begin another at `base_offset`. Raises OSError."""
        ended = self.active
        ended.seal()
        self.add(base_offset)
        self.rolled.append(ended)

    def note_unsynced(self, segment: Segment) -> None:
        """`segment` has bytes that are not known to be on the disk."""
        if not self.unsynced or self.unsynced[-1] is not segment:
            self.unsynced.append(segment)

    def note_names_synced(self) -> None:
        """All segments are known to be in the directory on the disk, and it in its own."""
        self._names_unsynced = False

    def take_unsynced(self, *, with_indexes: bool) -> tuple[File | Directory, ...]:
        """What to sync, in this order, open: it counts as synced from here on. Raises OSError, and then it does not."""
        segments = {*self.unsynced, *self.rolled, self.active} if with_indexes else self.unsynced
        files = duplicates(
            [file for segment in segments for file in (segment.files() if with_indexes else [segment.log])]
        )
        try:
            directories = self._open_directories() if self._names_unsynced else ()
        except OSError:
            for file in files:
                file.close()
            raise
        if with_indexes:
            self.rolled = []
        self.unsynced = []
        self._names_unsynced = False
        return *files, *directories

    def _open_directories(self) -> tuple[Directory, Directory]:
        """That of the segments, and the one that it is in."""
        inner = self._files.open_directory(self._directory)
        try:
            return inner, self._files.open_directory(self._directory.parent)
        except OSError:
            inner.close()
            raise

    def find(self, offset: int) -> tuple[Segment, int, BatchHeader] | None:
        """Segment, position and header of the batch that holds `offset`, or of the next where there is none; None where
        no whole batch follows. Raises OSError."""
        for segment in self[self._number_of(offset) :]:
            found = segment.find(offset)
            if found is not None:
                return segment, *found
        return None

    def headers_from(self, offset: int) -> Iterator[BatchHeader]:
        """The headers of all whole batches from the one that holds `offset` on. Raises OSError."""
        for segment in self[self._number_of(offset) :]:
            found = segment.find(offset)
            for _, header in segment.checked.walk(found[0]) if found else ():
                yield header

    def _number_of(self, offset: int) -> int:
        """Which segment `offset` is in."""
        return max(0, bisect_right(self, offset, key=lambda segment: segment.base_offset) - 1)

    def drop_before(self, offset: int) -> list[Segment]:
        """Take out, and return, those wholly below `offset`."""
        number = self._number_of(offset)
        dropped = self[:number]
        del self[:number]
        self._forget(dropped)
        return dropped

    def replace(self, old: Sequence[Segment], new: Segment) -> bool:
        """Put `new` in the place of segments that follow each other. False when they are no longer there."""
        number = self._number_of(new.base_offset)
        if self[number : number + len(old)] != list(old):
            return False
        new.checked.end_offset = old[-1].checked.end_offset
        self[number : number + len(old)] = [new]
        self._forget(old)
        return True

    def _forget(self, gone: Sequence[Segment]) -> None:
        self.unsynced = [segment for segment in self.unsynced if segment not in gone]
        self.rolled = [segment for segment in self.rolled if segment not in gone]
