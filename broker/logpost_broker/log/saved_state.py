"""What is saved beside the segments of a log at a checkpoint, so that a recovery need not read them: producer states
and leader epochs. Neither is synced, and no harm is done when it cannot be written: a recovery reads the log instead.
"""

from __future__ import annotations

import logging
from pathlib import Path

from logpost_broker.log.files import Files
from logpost_broker.log.leader_epochs import CHECKPOINT, LeaderEpochs
from logpost_broker.log.segment import file_stem

SNAPSHOTS_KEPT = 2

logger = logging.getLogger("broker")


def save_snapshot(files: Files, directory: Path, offset: int, snapshot: bytes) -> None:
    """The producer states at `offset`."""
    try:
        files.replace(directory / f"{file_stem(offset)}.snapshot", snapshot, synced=False)
        names = [name for name in files.names(directory) if name.endswith(".snapshot")]
        for name in names[:-SNAPSHOTS_KEPT]:
            files.unlink(directory / name)
    except OSError as error:
        logger.error("cannot save the producer states of %s: %s", directory, error.strerror)


def save_epochs(files: Files, directory: Path, epochs: LeaderEpochs, saved: bytes) -> bytes:
    """What the file holds then; `saved` is what it holds now."""
    formatted = epochs.formatted()
    if formatted == saved:
        return saved
    try:
        files.replace(directory / CHECKPOINT, formatted, synced=False)
    except OSError as error:
        logger.error("cannot save the leader epochs of %s: %s", directory, error.strerror)
        return saved
    return formatted


def outlived_snapshots(files: Files, directory: Path, first_offset: int) -> list[Path]:
    """The producer states from before the first segment: a recovery does not use them."""
    first = file_stem(first_offset)
    try:
        names = files.names(directory)
    except OSError as error:
        logger.error("cannot list %s: %s", directory, error.strerror)
        return []
    return [directory / name for name in names if name.endswith(".snapshot") and name < first]
