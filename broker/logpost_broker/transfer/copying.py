"""Files from one directory to another: without moving a byte where the file system can share them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from logpost_broker.metadata.checkpoints import Partition, parsed_checkpoint
from logpost_broker.transfer.errors import TransferError


def offsets_in(checkpoint: Path) -> dict[Partition, int]:
    """A checkpoint file of ours; empty where there is none. Raises TransferError, OSError."""
    try:
        return parsed_checkpoint(checkpoint.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise TransferError(f"{checkpoint} makes no sense ({error}): start the broker once and stop it") from error


def log_bytes(partitions: Iterable[Path]) -> int:
    """The size of all segments in some partitions' directories, in bytes."""
    return sum(path.stat().st_size for partition in partitions for path in partition.glob("*.log"))


def copy(source: Path, target: Path) -> None:
    """Give `target`, which is new, the content of `source`. The kernel shares the blocks where the file system can
    (XFS, btrfs). Raises OSError."""
    with source.open("rb") as reader, target.open("xb") as writer:
        try:
            while os.copy_file_range(reader.fileno(), writer.fileno(), 1 << 30):
                pass
        except OSError:  # such as from one file system to another on old kernels
            reader.seek(0)
            writer.truncate(0)
            writer.seek(0)
            shutil.copyfileobj(reader, writer, 1 << 20)


def link_or_copy(source: Path, target: Path) -> None:
    """As `copy`, under a second name of the same file where both are on one file system. Raises OSError."""
    try:
        target.hardlink_to(source)
    except OSError:
        copy(source, target)


def sync(path: Path) -> None:
    """Make a file, or the names in a directory, durable. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def hand_over(directory: Path, like: Path) -> None:
    """Run by root: give `directory` and its files to the owner of `like`, who will write them. Raises OSError."""
    if os.geteuid() != 0:
        return
    owner = like.stat()
    for path in (directory, *directory.iterdir()):
        os.chown(path, owner.st_uid, owner.st_gid)
