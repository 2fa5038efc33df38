"""The files that are being read: by inode, by name, and those that something is due of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from logpost.agent.sources.file.open_files import OpenFiles
from logpost.agent.sources.file.reader import FileId, FileReader


class Readers:
    """Used by one thread."""

    def __init__(self, max_open_files: int) -> None:
        self.open = OpenFiles(max_open_files)
        self.active: set[FileReader] = set()
        """Those that have grown, are under way, or have lost their name: all others rest, and cost nothing."""
        self.targets: dict[str, FileReader] = {}
        """Where links lead that are read, or did when they were first seen."""
        self._by_id: dict[FileId, FileReader] = {}
        self._by_path: dict[str, FileReader] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[FileReader]:
        return iter(self._by_id.values())

    def __contains__(self, file: FileId) -> bool:
        return file in self._by_id

    def of(self, file: FileId) -> FileReader | None:
        return self._by_id.get(file)

    def at(self, path: str) -> FileReader | None:
        """The reader of the file that was last found under this name."""
        return self._by_path.get(path)

    def reads(self, reader: FileReader) -> bool:
        """It was not let go."""
        return self._by_id.get(reader.file_id) is reader

    def missing(self) -> list[FileReader]:
        """Those whose files have no configured name."""
        return [reader for reader in self.active if not reader.present]

    def add(self, reader: FileReader) -> None:
        """It has no configured name until `call` gives it one."""
        reader.present = False
        self._by_id[reader.file_id] = reader
        if reader.position.target:
            self.targets[reader.position.target] = reader
        self.active.add(reader)
        if reader.is_open:
            self.open.use(reader)

    def remove(self, reader: FileReader) -> None:
        """Before its inode changes, or for good: then close its file too."""
        del self._by_id[reader.file_id]
        if self.targets.get(reader.position.target) is reader:
            del self.targets[reader.position.target]
        self.active.discard(reader)
        self._uncall(reader)

    def call(self, reader: FileReader, path: str) -> None:
        """The reader's file is at `path`, a configured name."""
        reader.present = True
        if self._by_path.get(path) is not reader:
            self._uncall(reader)
            reader.path = Path(path)
            self._by_path[path] = reader

    def miss(self, reader: FileReader) -> None:
        """The name that it had leads elsewhere, or nowhere."""
        self._uncall(reader)
        reader.present = False
        self.active.add(reader)

    def rest(self, reader: FileReader) -> None:
        """Nothing is due of it any more."""
        self.active.discard(reader)

    def _uncall(self, reader: FileReader) -> None:
        if self._by_path.get(str(reader.path)) is reader:
            del self._by_path[str(reader.path)]
