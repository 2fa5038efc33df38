"""What makes a log durable, taken out of it so that it can run beside the event loop."""

from __future__ import annotations

from dataclasses import dataclass

from logpost_broker.log.files import Directory, File


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncJob:
    """What makes the log durable up to `offset`. `run` blocks and may run in a thread."""

    offset: int
    position: tuple[int, int]
    """The same place as (segment, bytes)."""
    appended_bytes: int
    opened: tuple[File | Directory, ...]
    """What to sync, in this order. It is opened before: descriptors can be used up, which is no damage, while after a
    failed sync nobody knows what the disk has."""
    snapshot: bytes | None = None
    """Producer states at `offset`, in a job that makes a checkpoint. `end_sync` saves them: by then the topic may be
    deleted, and the directory that of one made again."""

    def run(self) -> None:
        """Raises OSError."""
        try:
            for each in self.opened:
                each.sync()
        finally:
            for each in self.opened:
                each.close()
