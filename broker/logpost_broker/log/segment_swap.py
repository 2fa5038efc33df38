"""Taking one segment in the place of several, so that a crash at any moment leaves the old ones or the new one.

As in Apache Kafka, by the ends of the files' names:
1. The new segment is written as `.cleaned` and synced. Until the end of that a start deletes it.
2. It is renamed to `.swap`, the log last, and the directory is synced: from here on a start completes the swap.
3. The old segments are renamed to `.deleted`, and the directory is synced: the new one must not stand under its own
   name beside one that it replaces.
4. `.swap` is renamed away, the directory is synced, and `.deleted` is unlinked.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from pathlib import Path

from logpost_broker.log.files import Files
from logpost_broker.log.segment import CLEANED_SUFFIX, SUFFIXES, SWAP_SUFFIX, Segment, file_stem

STAGED_NAME = re.compile(r"[0-9]{20}\.[a-z]+\.(?:cleaned|swap)")
SWAP_NAME = re.compile(r"([0-9]{20})\.log\.swap")
LOG_NAME = re.compile(r"([0-9]{20})\.log")

logger = logging.getLogger("broker")


def begin_segment(files: Files, directory: Path, base_offset: int) -> Segment:
    """An empty segment for step 1. Raises OSError."""
    for suffix in SUFFIXES:
        files.unlink(directory / f"{file_stem(base_offset)}{suffix}{CLEANED_SUFFIX}")
    return Segment(files, directory, base_offset, stage=CLEANED_SUFFIX)


def commit_segment(files: Files, segment: Segment) -> None:
    """Steps 1 and 2 of a segment that is written. Blocks; raises OSError."""
    segment.seal()
    for file in segment.files():
        file.sync()
    segment.rename(SWAP_SUFFIX)
    files.sync_directory(segment.log.path.parent)


def complete_swaps(files: Files, directory: Path) -> None:
    """What a start does of it. Raises OSError, and the next start goes on."""
    names = files.names(directory)
    for found in filter(None, map(SWAP_NAME.fullmatch, names)):
        _complete(files, directory, int(found[1]), names)
    for name in files.names(directory):
        if STAGED_NAME.fullmatch(name):
            files.unlink(directory / name)


def _complete(files: Files, directory: Path, base_offset: int, names: Iterable[str]) -> None:
    """The indexes are written again: those of the old segments are wrong, and which are which nobody knows."""
    path = directory / f"{file_stem(base_offset)}.log"
    swap = path.with_name(path.name + SWAP_SUFFIX)
    logger.info("%s replaces the segments that it was made from", swap)
    end = _end_of(files, directory, base_offset)
    for base in sorted(int(found[1]) for found in filter(None, map(LOG_NAME.fullmatch, names))):
        if base_offset < base < end:
            for suffix in reversed(SUFFIXES):
                files.unlink(directory / f"{file_stem(base)}{suffix}")
    for suffix in SUFFIXES[1:]:
        files.unlink(path.with_suffix(suffix))
    files.sync_directory(directory)
    files.rename(swap, path)
    files.sync_directory(directory)


def _end_of(files: Files, directory: Path, base_offset: int) -> int:
    """The offset after the last batch of a `.swap`."""
    for suffix in SUFFIXES[1:]:
        files.unlink(directory / f"{file_stem(base_offset)}{suffix}{SWAP_SUFFIX}")
    segment = Segment(files, directory, base_offset, stage=SWAP_SUFFIX)
    try:
        return max((header.last_offset + 1 for _, header in segment.headers()), default=base_offset)
    finally:
        segment.close()
