"""The checkpoint files of the log directory: an offset for each partition, in memory as it is on the disk."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from logpost_broker.log.files import Files
from logpost_broker.metadata.checkpoints import (
    CLEANER_OFFSETS,
    LOG_STARTS,
    RECOVERY_POINTS,
    Partition,
    formatted_checkpoint,
    parsed_checkpoint,
)

logger = logging.getLogger("broker")


class CheckpointFile:
    """Calls block, and may come from threads."""

    def __init__(self, files: Files, path: Path) -> None:
        self._files = files
        self._path = path
        self._lock = threading.Lock()
        self._offsets: Mapping[Partition, int] = {}

    def open(self) -> None:
        """Read it. Raises OSError."""
        self._offsets = self._read()

    def _read(self) -> Mapping[Partition, int]:
        data = self._files.read_bytes(self._path)
        if data is None:
            return {}
        try:
            return parsed_checkpoint(data)
        except ValueError as error:
            # As Kafka does: without recovery points everything is checked, without log starts the segments say it.
            logger.error("cannot understand %s, going on without it: %s", self._path, error)
            return {}

    def __contains__(self, partition: Partition) -> bool:
        return partition in self._offsets

    def get(self, partition: Partition) -> int:
        """0 where none was saved."""
        return self._offsets.get(partition, 0)

    def partitions(self) -> Collection[Partition]:
        return self._offsets.keys()

    def save(self, offsets: Callable[[], Mapping[Partition, int]]) -> None:
        """Make these offsets durable, all with one write. `offsets` is called while nothing is forgotten. Raises
        OSError, and then the offsets on the disk may be old or new."""
        with self._lock:
            self._write(dict(self._offsets) | dict(offsets()))

    def forget(self, partitions: Collection[Partition]) -> None:
        """They are gone, durably: their offsets must not hold for a topic that is made again under the name. Raises
        OSError."""
        with self._lock:
            left = {key: offset for key, offset in self._offsets.items() if key not in partitions}
            if len(left) < len(self._offsets):
                self._write(left)

    def _write(self, offsets: Mapping[Partition, int]) -> None:
        self._files.replace(self._path, formatted_checkpoint(offsets))
        self._offsets = offsets


class Checkpoints:
    """Kafka's own, beside the partitions' directories."""

    def __init__(self, files: Files, directory: Path) -> None:
        self.recovery_points = CheckpointFile(files, directory / RECOVERY_POINTS)
        """Below it a log is known to be on the disk."""
        self.log_starts = CheckpointFile(files, directory / LOG_STARTS)
        self.first_dirty = CheckpointFile(files, directory / CLEANER_OFFSETS)
        """Below it a log is compacted."""
        self._all = (self.recovery_points, self.log_starts, self.first_dirty)

    def open(self, existing: set[Partition]) -> None:
        """Read them, and forget partitions that are not there. Raises OSError."""
        for file in self._all:
            file.open()
        self.forget({partition for file in self._all for partition in file.partitions()} - existing)

    def forget(self, partitions: set[Partition]) -> None:
        """They are gone, durably. Raises OSError."""
        for file in self._all:
            file.forget(partitions)
