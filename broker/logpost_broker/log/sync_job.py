"""What makes a log durable, taken out of it so that it can run beside the event loop."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from logpost_broker.log.files import File, Files


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncJob:
    """What makes the log durable up to `offset`. `run` blocks and may run in a thread."""

    offset: int
    position: tuple[int, int]
    """The same place as (segment, bytes)."""
    appended_bytes: int
    files: tuple[File, ...]
    directory: Path
    names_unsynced: bool
    """Segments were added, or the partition itself."""
    system: Files
    snapshot: bytes | None = None
    """Producer states at `offset`, in a job that makes a checkpoint. `end_sync` saves them: by then the topic may be
    deleted, and the directory that of one made again."""

    def run(self) -> None:
        """Raises OSError."""
        try:
            for file in self.files:
                file.sync()
            if self.names_unsynced:
                self.system.sync_directory(self.directory)
                self.system.sync_directory(self.directory.parent)
        finally:
            for file in self.files:
                file.close()
