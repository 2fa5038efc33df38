"""Kafka's two sparse indexes of a segment: offset to position (8-byte entries) and time to offset (12-byte entries).

Entries are fixed in size and sorted, so a lookup is a binary search in the file (in the page cache, nothing is held in
memory). An index only says where to start reading: missing entries cost time, never answers.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

from logpost_broker.log.files import File

OFFSET_ENTRY = struct.Struct(">ii")
TIME_ENTRY = struct.Struct(">qi")


class OffsetEntry(NamedTuple):
    """The batch that ends at `offset` starts at `position` bytes of the segment."""

    offset: int
    position: int


class TimeEntry(NamedTuple):
    """The highest timestamp so far, and the last offset of the batch that brought it."""

    timestamp_ms: int
    offset: int


class OffsetIndex:
    def __init__(self, file: File, base_offset: int) -> None:
        self.file = file
        self._base_offset = base_offset
        file.truncate(file.size - file.size % OFFSET_ENTRY.size)

    def __len__(self) -> int:
        return self.file.size // OFFSET_ENTRY.size

    def is_sound(self, offset: int) -> bool:
        """Whether the entries ascend as they must, from the last at or below `offset` on."""
        first = max(0, _last(len(self), lambda n: self.entry(n).offset <= offset))
        entries = list(OFFSET_ENTRY.iter_unpack(_rest(self.file, first * OFFSET_ENTRY.size)))
        return _ascend([offset for offset, _ in entries], -1) and _ascend([position for _, position in entries], 0)

    def entry(self, number: int) -> OffsetEntry:
        data = self.file.read(number * OFFSET_ENTRY.size, OFFSET_ENTRY.size)
        relative, position = OFFSET_ENTRY.unpack(data)
        return OffsetEntry(self._base_offset + relative, position)

    def append(self, offset: int, position: int) -> None:
        self.file.append(OFFSET_ENTRY.pack(offset - self._base_offset, position))

    def floor(self, offset: int) -> OffsetEntry:
        """The last entry at or below `offset`; the segment's start where there is none."""
        number = _last(len(self), lambda n: self.entry(n).offset <= offset)
        return OffsetEntry(self._base_offset, 0) if number < 0 else self.entry(number)

    def truncate_positions(self, position: int) -> None:
        """Drop the entries of batches that start at or after `position`."""
        number = _last(len(self), lambda n: self.entry(n).position < position)
        self.file.truncate((number + 1) * OFFSET_ENTRY.size)


class TimeIndex:
    def __init__(self, file: File, base_offset: int) -> None:
        self.file = file
        self._base_offset = base_offset
        file.truncate(file.size - file.size % TIME_ENTRY.size)

    def __len__(self) -> int:
        return self.file.size // TIME_ENTRY.size

    def is_sound(self, offset: int) -> bool:
        """Whether the entries ascend as they must, from the last at or below `offset` on."""
        first = max(0, _last(len(self), lambda n: self.entry(n).offset <= offset))
        return _ascend([time for time, _ in TIME_ENTRY.iter_unpack(_rest(self.file, first * TIME_ENTRY.size))], 0)

    def entry(self, number: int) -> TimeEntry:
        data = self.file.read(number * TIME_ENTRY.size, TIME_ENTRY.size)
        timestamp, relative = TIME_ENTRY.unpack(data)
        return TimeEntry(timestamp, self._base_offset + relative)

    def last(self) -> TimeEntry | None:
        return self.entry(len(self) - 1) if len(self) else None

    def append(self, timestamp_ms: int, offset: int) -> None:
        """Note a new highest timestamp; one that is not higher than the last entry's adds nothing."""
        last = self.last()
        if last is None or timestamp_ms > last.timestamp_ms:
            self.file.append(TIME_ENTRY.pack(timestamp_ms, offset - self._base_offset))

    def floor(self, timestamp_ms: int) -> TimeEntry | None:
        """The last entry below `timestamp_ms`: the first record at or after that time comes behind its offset."""
        number = _last(len(self), lambda n: self.entry(n).timestamp_ms < timestamp_ms)
        return None if number < 0 else self.entry(number)

    def truncate_offsets(self, offset: int) -> None:
        """Drop the entries at or above `offset`."""
        number = _last(len(self), lambda n: self.entry(n).offset < offset)
        self.file.truncate((number + 1) * TIME_ENTRY.size)


def _rest(file: File, position: int) -> bytes:
    return file.read(position, file.size - position)


def _ascend(values: list[int], above: int) -> bool:
    """Whether each value is higher than the one before, and the first than `above`."""
    return not values or (values[0] > above and values == sorted(set(values)))


def _last(count: int, holds: Callable[[int], bool]) -> int:
    """The last number below `count` for which `holds`, or -1; all that hold come before all that do not."""
    low, high = -1, count - 1
    while low < high:
        middle = (low + high + 1) // 2
        if holds(middle):
            low = middle
        else:
            high = middle - 1
    return low
