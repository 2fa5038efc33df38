"""Record batches as they lie in the log: where each ends, and why its records cannot be read. Pure.

Kafka's clients give out records, not batches, and stand still without a word at a batch whose records they cannot take
apart. Where an offset has no record, or none comes, the batch there says what is the matter.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import cramjam
from aiokafka.errors import CorruptRecordException, KafkaError
from aiokafka.record.default_records import DefaultRecordBatch

# Base offset, length, leader epoch, magic, CRC, attributes, last offset delta, base time, highest time, producer's id,
# epoch and sequence, number of records.
_HEADER = struct.Struct(">qiibIhiqqqhii")
_LENGTH_PREFIX = 12
_MAGIC = 2
_CODEC_MASK = 0x07
_TRANSACTIONAL = 0x10
# Each codec has errors of its own.
_UNPACKING = (
    ArithmeticError,
    EOFError,
    KafkaError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    cramjam.DecompressionError,
    zlib.error,
)


@dataclass(frozen=True, slots=True)
class Batch:
    """Offsets [start, end). `records`: how many it says that it holds."""

    start: int
    end: int
    records: int
    attributes: int
    data: bytes

    @property
    def may_be_silent(self) -> bool:
        """Clients may keep records of it to themselves: it ends a transaction or is of one, which may be aborted, or
        compaction took some."""
        return bool(self.attributes & _TRANSACTIONAL) or self.records < self.end - self.start

    def fault(self) -> str:
        """Why its records cannot be read as its header says; empty when they can."""
        try:
            batch = DefaultRecordBatch(self.data)
            if not batch.validate_crc():
                return "the checksum of their batch is wrong"
            found = sum(1 for _ in batch)
        except UnicodeDecodeError:
            return ""  # the name of a header, which nobody minds here
        except CorruptRecordException:
            found = -1
        except _UNPACKING:
            return "the records of their batch cannot be unpacked"
        if found == self.records:
            return ""
        return f"their batch does not hold the {self.records} records that it says"


def read_batches(data: bytes) -> Iterator[Batch]:
    """The whole batches in the answer to a fetch, which begins with one. Kafka's oldest formats end it."""
    position = 0
    while position + _HEADER.size <= len(data):
        start, length, _, magic, _, attributes, last, *_, records = _HEADER.unpack_from(data, position)
        end = position + _LENGTH_PREFIX + length
        if magic != _MAGIC or length < _HEADER.size - _LENGTH_PREFIX or end > len(data):
            return
        yield Batch(start, start + last + 1, records, attributes, data[position:end])
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
