"""A segment: one `.log` file of whole batches in offset order, with its two indexes. Named by its first offset."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from logpost_broker.log.batch import HEADER_BYTES, NO_TIMESTAMP, BatchHeader, Buffer, read_header
from logpost_broker.log.checked import MAX_RELATIVE_OFFSET, CheckedBatches
from logpost_broker.log.files import File, Files
from logpost_broker.log.index import OFFSET_ENTRY, TIME_ENTRY, OffsetIndex, TimeIndex
from logpost_broker.log.pace import Pace

INDEX_INTERVAL_BYTES = 4096
"""Kafka's `index.interval.bytes`: one index entry for so many bytes of batches."""
MIB = 1024 * 1024
READ_AHEAD_BYTES = 2 * MIB
"""Linux itself reads 128 KiB ahead, and the event loop would wait for each of them."""
DAY_MS = 24 * 60 * 60 * 1000
SUFFIXES = (".log", ".index", ".timeindex")
CLEANED_SUFFIX, SWAP_SUFFIX, DELETED_SUFFIX = ".cleaned", ".swap", ".deleted"
"""Kafka's: of files that compaction is writing, of whole ones that take the place of others, and of what is still to be
unlinked."""

logger = logging.getLogger("broker")


@dataclass(frozen=True, slots=True, kw_only=True)
class RollLimits:
    """When a segment is full: a topic's `segment.bytes`, `segment.ms` and `segment.index.bytes`."""

    size_bytes: int = 1024 * MIB
    age_ms: int = 7 * DAY_MS
    index_bytes: int = 10 * MIB


def file_stem(base_offset: int) -> str:
    return f"{base_offset:020d}"


class Segment:
    def __init__(self, files: Files, directory: Path, base_offset: int, *, stage: str = "") -> None:
        """Open or make the segment's three files, whose names end in `stage` until `rename` takes them to the next.
        `max_timestamp` comes from the time index: call `note` for each batch after an unclean end."""
        self._files = files
        self.base_offset = base_offset
        self._stage = stage
        self._paths = [directory / (file_stem(base_offset) + suffix) for suffix in SUFFIXES]
        log, index, timeindex = _open_all(files, self.paths())
        index.is_rebuildable = timeindex.is_rebuildable = True
        self.log = log
        self.checked = CheckedBatches(log, base_offset)
        self._are_indexes_cut = bool(index.size % OFFSET_ENTRY.size or timeindex.size % TIME_ENTRY.size)
        if not log.size:  # a power cut may have left indexes of batches that it took
            index.truncate(0)
            timeindex.truncate(0)
        self.offset_index = OffsetIndex(index, base_offset)
        self.time_index = TimeIndex(timeindex, base_offset)
        last = self.time_index.last()
        self.max_timestamp = last.timestamp_ms if last else NO_TIMESTAMP
        self._offset_of_max_timestamp = last.offset if last else base_offset
        if not stage:
            self._share_descriptors()
        self._bytes_since_entry = 0
        self._first_timestamp: int | None = None
        self._first_looked_ms = 0

    @property
    def size_bytes(self) -> int:
        return self.log.size

    @property
    def has_indexes(self) -> bool:
        """Whether both indexes end as those of an ended segment must. What else they say is not checked."""
        if not self.size_bytes:
            return True
        last, entries = self.time_index.last(), len(self.offset_index)
        if self._are_indexes_cut or last is None or last.timestamp_ms <= 0:
            return False
        if entries:
            return self.offset_index.entry(entries - 1).position > 0
        return not any(position > INDEX_INTERVAL_BYTES for position, _ in self.headers())

    def sync_indexes(self) -> None:
        self.offset_index.file.sync()
        self.time_index.file.sync()

    def takes(self, header: BatchHeader, limits: RollLimits, now_ms: int) -> bool:
        """Whether a batch still fits: within the limits, and within what a 4-byte relative offset can say. Raises
        OSError."""
        if not self.log.size:
            return True
        return (
            self.log.size + header.size_bytes <= limits.size_bytes
            and header.last_offset - self.base_offset <= MAX_RELATIVE_OFFSET
            and self._age_ms(header, now_ms) <= limits.age_ms
            and self.offset_index.file.size + OFFSET_ENTRY.size <= limits.index_bytes
            and self.time_index.file.size + 2 * TIME_ENTRY.size <= limits.index_bytes  # the last is for `seal`
        )

    def _age_ms(self, header: BatchHeader, now_ms: int) -> int:
        """From the first batch's timestamp to that of the batch to come, as in Kafka, so that a log that is written
        again from another rolls as that one did. By the clock where the first has none, since the segment was first
        asked."""
        if self._first_timestamp is None:
            self._first_timestamp = read_header(self.log.read(0, HEADER_BYTES)).max_timestamp
            self._first_looked_ms = now_ms
        if self._first_timestamp == NO_TIMESTAMP:
            return now_ms - self._first_looked_ms
        return header.max_timestamp - self._first_timestamp

    def append(self, header: BatchHeader, *buffers: Buffer) -> None:
        """Write a batch whose offsets are final. Raises OSError, and then nothing was written."""
        position = self.log.size
        self.log.append(*buffers)
        try:
            self.note(header, position)
        except OSError as error:
            # Lookups start earlier without the entry; the batch itself is in.
            logger.error("cannot write the index of %s: %s", self.log.path, error.strerror)

    def note(self, header: BatchHeader, position: int) -> None:
        """Take a batch at `position` into the indexes. One that compaction emptied has the timestamp of records that
        are gone."""
        if header.max_timestamp > self.max_timestamp and header.record_count:
            self.max_timestamp = header.max_timestamp
            self._offset_of_max_timestamp = header.last_offset
        if self._bytes_since_entry > INDEX_INTERVAL_BYTES:
            self.offset_index.append(header.last_offset, position)
            self.time_index.append(self.max_timestamp, self._offset_of_max_timestamp)
            self._bytes_since_entry = 0
        self._bytes_since_entry += header.size_bytes

    def seal(self) -> None:
        """Complete the time index, when the segment ends or the log is closed."""
        if self.max_timestamp != NO_TIMESTAMP:
            self.time_index.append(self.max_timestamp, self._offset_of_max_timestamp)

    def headers(self, position: int = 0) -> Iterator[tuple[int, BatchHeader]]:
        """Position and header of the batches from the one at `position` on, as far as headers go."""
        while position + HEADER_BYTES <= self.log.size:
            header = read_header(self.log.read(position, HEADER_BYTES))
            if header.size_bytes < HEADER_BYTES or position + header.size_bytes > self.log.size:
                return
            yield position, header
            position += header.size_bytes

    def find(self, offset: int) -> tuple[int, BatchHeader] | None:
        """Position and header of the first whole batch that ends at or after `offset`; None when the segment ends
        before. Raises OSError."""
        for position, header in self.checked.walk(self._start_below(offset)):
            if header.last_offset >= offset:
                return position, header
        return None

    def _start_below(self, offset: int) -> int:
        """Where a batch begins that ends at or below `offset`, by the index. An index that lies is written again."""
        for _ in range(2):
            entry = self.offset_index.floor(offset)
            if entry.position == 0:
                return 0
            header = self.checked.at(entry.position)
            if header is not None and header.last_offset == entry.offset:
                return entry.position
            logger.warning("%s: the index is wrong at offset %d, writing it again", self.log.path, entry.offset)
            self.rebuild_indexes()
        return 0

    def rebuild_indexes(self, advance: Callable[[], None] = lambda: None) -> None:
        """Write both indexes again from the log; `advance` is called after every few megabytes. Raises OSError."""
        self.forget_after(0, self.base_offset)
        pace = Pace(advance)
        for position, header in self.checked.walk():
            pace.to(position)
            self.note(header, position)
        self.seal()
        self.sync_indexes()

    def batches_from_time(self, timestamp_ms: int) -> Iterator[tuple[int, BatchHeader]]:
        """Position and header of the whole batches that have a record at or after `timestamp_ms`. Raises OSError."""
        entry = self.time_index.floor(timestamp_ms)
        start = self._start_below(entry.offset) if entry else 0
        for position, header in self.checked.walk(start):
            if header.max_timestamp >= timestamp_ms:
                yield position, header

    def read(self, position: int, size: int) -> bytes:
        """A reader that goes on finds what follows in memory. Raises OSError."""
        end = position + size
        if position // READ_AHEAD_BYTES != end // READ_AHEAD_BYTES:
            self.log.read_ahead(end, 2 * READ_AHEAD_BYTES)
        return self.log.read(position, size)

    def forget_after(self, position: int, offset: int) -> None:
        """Drop index entries of batches from `position` (which starts with `offset`) on: a lookup reads them back. From
        the start on nothing of the indexes is believed."""
        if position == 0:
            self.offset_index.file.truncate(0)
            self.time_index.file.truncate(0)
        self.offset_index.truncate_positions(position)
        self.time_index.truncate_offsets(offset)
        last = self.time_index.last()
        self.max_timestamp = last.timestamp_ms if last else NO_TIMESTAMP
        self._offset_of_max_timestamp = last.offset if last else self.base_offset
        self._bytes_since_entry = 0

    def files(self) -> tuple[File, File, File]:
        return self.log, self.offset_index.file, self.time_index.file

    def close(self) -> None:
        for file in self.files():
            file.close()

    def paths(self) -> list[Path]:
        """Of the log and its indexes, as they are named now."""
        return [path.with_name(path.name + self._stage) for path in self._paths]

    def rename(self, stage: str) -> list[Path]:
        """Let the names end in `stage`; returns the new paths. The log goes last: indexes without a log mean nothing, a
        log without indexes is whole. Raises OSError."""
        before = self.paths()
        self._stage = stage
        for path, renamed in reversed(list(zip(before, self.paths(), strict=True))):
            self._files.rename(path, renamed)
        for file, path in zip(self.files(), self.paths(), strict=True):
            file.path = path
        if not stage:
            self._share_descriptors()
        return self.paths()

    def _share_descriptors(self) -> None:
        """From here on only the event loop uses the segment. Until then a thread may write it, whose descriptors must
        not be taken from it."""
        for file in self.files():
            file.share(self._files.descriptors)

    def mark_deleted(self) -> list[Path]:
        """Close, and rename for the unlinking; returns the new paths. Raises OSError."""
        self.close()
        return self.rename(DELETED_SUFFIX)

    def delete(self) -> None:
        """Close and unlink, the log last as in `rename`."""
        self.close()
        for path in reversed(self.paths()):
            self._files.unlink(path)


def _open_all(files: Files, paths: Sequence[Path]) -> list[File]:
    """All of `paths`, or none: a process out of file descriptors must not lose more of them here. Raises OSError."""
    opened: list[File] = []
    try:
        opened.extend(map(files.open, paths))
    except OSError:
        for file in opened:
            file.close()
        raise
    return opened
