"""Files that are held open, up to a limit: one that rests is closed for another, and opened again when it changes."""

from __future__ import annotations

from collections.abc import Iterable

from logpost.agent.sources.file.reader import FileReader

MAX_OPEN_FILES = 512


class OpenFiles:
    """In the order of their last use."""

    def __init__(self, limit: int = MAX_OPEN_FILES) -> None:
        self._limit = limit
        self._readers: dict[FileReader, None] = {}

    def __len__(self) -> int:
        return len(self._readers)

    def use(self, reader: FileReader) -> None:
        """It was opened, or read."""
        self._readers.pop(reader, None)
        self._readers[reader] = None

    def close(self, reader: FileReader) -> None:
        self._readers.pop(reader, None)
        reader.close()

    def make_room(self, now_s: int) -> bool:
        """Close a file that nothing of is under way, if too many are open; returns whether there is room."""
        if len(self._readers) < self._limit:
            return True
        # Mostly the first one is it: not all are looked at.
        settled = (reader for reader in self._readers if reader.present and reader.stream.acks.settled)
        oldest = next(settled, None) or _rotated(self._readers)
        if oldest is None:
            return False
        oldest.update_position(now_s)
        self.close(oldest)
        return True


def _rotated(readers: Iterable[FileReader]) -> FileReader | None:
    """One that was read to its end, and can be opened again under the name that it has now."""
    for reader in readers:
        if reader.stream.acks.settled and not reader.has_more and not reader.is_deleted():
            reader.path, _ = reader.whereabouts()
            return reader
    return None
