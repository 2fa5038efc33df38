"""Record batches as they lie in the log: where each ends, and why its records cannot be read. Pure.

Kafka's clients give out records, not batches, and stand still without a word at a batch whose records they cannot take
apart. Where an offset has no record, or none comes, the batch there says what is the matter.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from crc32c import crc32c

from logpost_web.indexer.unpacking import MAX_BATCH_RECORDS, UnpackingError, unpacked

# Base offset, length, leader epoch, magic, CRC, attributes, last offset delta, base time, highest time, producer's id,
# epoch and sequence, number of records.
_HEADER = struct.Struct(">qiibIhiqqqhii")
_LENGTH_PREFIX = 12
_SUMMED_FROM = 21
_MAGIC = 2
_CODEC_MASK = 0x07
_TRANSACTIONAL = 0x10
_VARINT_BITS = 70


@dataclass(frozen=True, slots=True)
class Batch:
    """Offsets [start, end). `records`: how many it says that it holds."""

    start: int
    end: int
    records: int
    attributes: int
    crc: int
    data: bytes

    @property
    def may_be_silent(self) -> bool:
        """Clients may keep records of it to themselves: it ends a transaction or is of one, which may be aborted, or
        compaction took some."""
        return bool(self.attributes & _TRANSACTIONAL) or self.records < self.end - self.start

    def fault(self) -> str:
        """Why its records cannot be read as its header says; empty when they can. Takes `MAX_RECORDS_BYTES` of memory
        at most."""
        if crc32c(memoryview(self.data)[_SUMMED_FROM:]) != self.crc:
            return "the checksum of their batch is wrong"
        if self.records > MAX_BATCH_RECORDS:
            return f"their batch says that it holds {self.records} records, {MAX_BATCH_RECORDS} are the most"
        try:
            records = unpacked(self.attributes & _CODEC_MASK, self.data[_HEADER.size :])
        except UnpackingError as error:
            return f"the records of their batch {error}"
        if _hold(records, self.records):
            return ""
        return f"their batch does not hold the {self.records} records that it says"


def _hold(records: memoryview, count: int) -> bool:
    """Whether it is so many and no more, as far as librdkafka looks: not at the names and values of headers."""
    position = 0
    try:
        for _ in range(count):
            position = _end_of_record(records, position)
    except (IndexError, ValueError):
        return False
    return position == len(records)


def _end_of_record(records: memoryview, position: int) -> int:
    """Raises IndexError and ValueError where none is."""
    length, position = _varint(records, position)
    end = position + length
    _, position = _varint(records, position + 1)  # behind the attributes: time and offset, then key and value
    _, position = _varint(records, position)
    for _ in range(2):
        size, position = _varint(records, position)
        position += max(size, 0)
    if not position <= end <= len(records):
        raise ValueError("a record is not as long as it says")
    return end


def _varint(records: memoryview, position: int) -> tuple[int, int]:
    """A zigzag integer, and the position behind it."""
    value = shift = 0
    while True:
        byte = records[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), position
        shift += 7
        if shift >= _VARINT_BITS:
            raise ValueError("a number does not end")


def read_batches(data: bytes) -> Iterator[Batch]:
    """The whole batches in the answer to a fetch, which begins with one. Kafka's oldest formats end it."""
    position = 0
    while position + _HEADER.size <= len(data):
        start, length, _, magic, crc, attributes, last, *_, records = _HEADER.unpack_from(data, position)
        end = position + _LENGTH_PREFIX + length
        if magic != _MAGIC or length < _HEADER.size - _LENGTH_PREFIX or end > len(data):
            return
        yield Batch(start, start + last + 1, records, attributes, crc, data[position:end])
        position = end


def unreadable(batches: Iterator[Batch], offset: int) -> tuple[int, str] | None:
    """(the end of what cannot be read from `offset` on, why), None when what stands there can be read."""
    end, reason = offset, ""
    for batch in batches:
        if batch.end <= end:
            continue
        fault = batch.fault() if batch.start <= end else ""
        if not fault:
            break
        end, reason = batch.end, reason or fault
    return (end, reason) if reason else None


def unexplained(batches: Iterator[Batch], start: int, end: int) -> Iterator[tuple[int, int, str]]:
    """Parts of the gap [start, end) in what a client gave out that the log does not explain, and why they are there."""
    at = start
    for batch in batches:
        if batch.end <= at:
            continue
        if batch.start >= end:
            break
        if batch.start > at:
            yield at, batch.start, "the log has no records there: it was damaged, or they were deleted"
        if not batch.may_be_silent:
            reason = batch.fault() or "the client did not give them out"
            yield max(at, batch.start), min(batch.end, end), reason
        at = batch.end
    if at < end:
        yield at, end, "the log has no records there: it was damaged, or they were deleted"
