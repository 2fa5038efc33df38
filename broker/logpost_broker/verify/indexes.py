"""Whether the entries of a segment's two indexes ascend, point at batches that are there, and say what is true.

The checks are fed with the segment's batches in order, and hold the entries' bytes and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator

from logpost_broker.log.batch import NO_TIMESTAMP, BatchHeader
from logpost_broker.log.index import OFFSET_ENTRY, TIME_ENTRY


class OffsetIndexCheck:
    """An entry says: the batch that ends at this offset starts at this position."""

    def __init__(self, data: bytes, base_offset: int) -> None:
        self._base_offset = base_offset
        self._entries = _entries(data, OFFSET_ENTRY.size)
        self._before = (-1, -1)
        self._next = self._read()

    def _read(self) -> tuple[int, int] | None:
        """The next entry as (position, offset)."""
        entry = next(self._entries, None)
        if entry is None:
            return None
        relative, position = OFFSET_ENTRY.unpack(entry)
        return position, self._base_offset + relative

    def see(self, position: int, header: BatchHeader) -> Iterator[str]:
        """The problems of the entries up to the batch at `position`."""
        while self._next is not None and self._next[0] <= position:
            entry_position, offset = self._next
            if entry_position < position:
                yield f"an entry points at position {entry_position}, where no batch begins"
            elif offset != header.last_offset:
                yield f"the entry of position {position} says offset {offset}, its batch ends at {header.last_offset}"
            yield from self._ascends()
            self._before, self._next = self._next, self._read()

    def _ascends(self) -> Iterator[str]:
        assert self._next is not None
        if self._next[0] <= self._before[0] or self._next[1] <= self._before[1]:
            yield f"the entry of position {self._next[0]} does not ascend"

    def end(self) -> Iterator[str]:
        """The problems of entries behind the last batch."""
        if self._next is not None:
            yield f"an entry points at position {self._next[0]}, behind the last batch"


class TimeIndexCheck:
    """An entry says: up to the batch that ends at this offset, this is the highest timestamp."""

    def __init__(self, data: bytes, base_offset: int) -> None:
        self._base_offset = base_offset
        self._entries = _entries(data, TIME_ENTRY.size)
        self._before = (-1, -1)
        self._next = self._read()
        self._highest = self._highest_of_records = NO_TIMESTAMP

    def _read(self) -> tuple[int, int] | None:
        """The next entry as (offset, timestamp)."""
        entry = next(self._entries, None)
        if entry is None:
            return None
        timestamp, relative = TIME_ENTRY.unpack(entry)
        return self._base_offset + relative, timestamp

    def see(self, header: BatchHeader) -> Iterator[str]:
        """The problems of the entries up to this batch. Whether a batch that compaction emptied has a timestamp is a
        matter of taste: Apache Kafka thinks so."""
        self._highest = max(self._highest, header.max_timestamp)
        if header.record_count:
            self._highest_of_records = max(self._highest_of_records, header.max_timestamp)
        while self._next is not None and self._next[0] <= header.last_offset:
            offset, timestamp = self._next
            if offset != header.last_offset:
                yield f"an entry names offset {offset}, where no batch ends"
            elif timestamp not in (self._highest, self._highest_of_records):
                yield f"the entry of offset {offset} says time {timestamp}, up to there the highest is {self._highest}"
            if offset <= self._before[0] or timestamp <= self._before[1]:
                yield f"the entry of offset {offset} does not ascend"
            self._before, self._next = self._next, self._read()

    def end(self) -> Iterator[str]:
        """The problems of entries behind the last batch."""
        if self._next is not None:
            yield f"an entry names offset {self._next[0]}, behind the last batch"


def _entries(data: bytes, size: int) -> Iterator[bytes]:
    """The whole entries; a part of one at the end is cut at the next start."""
    return (data[start : start + size] for start in range(0, len(data) - size + 1, size))
