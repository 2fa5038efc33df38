"""A batch that keeps some of the records of another, as Apache Kafka's cleaner writes it.

What stays: base offset and last offset delta (so that offsets stay what they are, and gaps are no loss), leader epoch,
producer id, epoch and sequence, the transactional and control bits, the codec, and the records' own bytes. Batches with
tombstones get a delete horizon (KIP-534): bit 6 of the attributes says that the base timestamp is the time from which
on they may go. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from crc32c import crc32c

from logpost_broker.log.batch import (
    CODEC_MASK,
    CRC_START,
    DELETE_HORIZON,
    HEADER,
    HEADER_BYTES,
    LENGTH_PREFIX_BYTES,
    LOG_APPEND_TIME,
    NO_TIMESTAMP,
    BatchHeader,
    Buffer,
)
from logpost_broker.log.compression import compress
from logpost_broker.log.limits import MAX_BATCH_RECORDS
from logpost_broker.log.records import read_varint, varint


class RecordSpan(NamedTuple):
    """Where a record lies among the decompressed records of its batch, and what decides on it."""

    start: int
    end: int
    timestamp_start: int
    """Its attributes are the byte before."""
    timestamp_end: int
    timestamp_delta: int
    offset_delta: int
    key: bytes | None
    has_value: bool


def record_spans(header: BatchHeader, body: bytes) -> list[RecordSpan]:
    """All records of a batch. `body`: its records, decompressed. Raises ValueError when they are malformed, or more
    than `MAX_BATCH_RECORDS`."""
    return list(spans_in(header, body))


def spans_in(header: BatchHeader, body: bytes) -> Iterator[RecordSpan]:
    """`record_spans` one by one; what is malformed shows when it is met."""
    if header.record_count > MAX_BATCH_RECORDS:
        raise ValueError(
            f"the batch at offset {header.base_offset} has {header.record_count} records, {MAX_BATCH_RECORDS} are read"
        )
    position, before = 0, -1
    for _ in range(header.record_count):
        try:
            span = _span_at(body, position)
        except IndexError:
            raise ValueError(f"the batch at offset {header.base_offset} ends inside a record") from None
        if not before < span.offset_delta <= header.last_offset_delta:
            raise ValueError(f"the batch at offset {header.base_offset} has offset delta {span.offset_delta}")
        yield span
        position, before = span.end, span.offset_delta
    if position != len(body):
        raise ValueError(f"the batch at offset {header.base_offset} has bytes behind its last record")


def _span_at(body: bytes, start: int) -> RecordSpan:
    length, position = read_varint(body, start)
    end = position + length
    timestamp_start = position + 1
    timestamp_delta, timestamp_end = read_varint(body, timestamp_start)
    offset_delta, position = read_varint(body, timestamp_end)
    key_length, position = read_varint(body, position)
    key = None
    if key_length >= 0:
        key = body[position : position + key_length]
        position += key_length
    value_length, position = read_varint(body, position)
    if position + max(value_length, 0) >= end or end > len(body):
        raise ValueError("a record has a wrong length")
    return RecordSpan(start, end, timestamp_start, timestamp_end, timestamp_delta, offset_delta, key, value_length >= 0)


def keeping(
    header: BatchHeader, body: bytes, kept: Sequence[RecordSpan], *, level: int, delete_horizon_ms: int | None = None
) -> bytes:
    """The batch with only the records `kept`, one at least. `delete_horizon_ms` sets its delete horizon; a horizon that
    it has stays. `level`: of its codec."""
    attributes, base_timestamp = header.attributes, header.base_timestamp
    if delete_horizon_ms is None:
        plain = b"".join([body[span.start : span.end] for span in kept])
    else:
        attributes |= DELETE_HORIZON
        later = header.base_timestamp - delete_horizon_ms
        base_timestamp = delete_horizon_ms
        plain = b"".join([_retimed(body, span, later) for span in kept])
    max_timestamp = header.max_timestamp
    if not attributes & LOG_APPEND_TIME:
        max_timestamp = header.base_timestamp + max(span.timestamp_delta for span in kept)
    changed = header._replace(
        attributes=attributes, base_timestamp=base_timestamp, max_timestamp=max_timestamp, record_count=len(kept)
    )
    return _with_records(changed, compress(header.codec, plain, level))


def emptied(header: BatchHeader) -> bytes:
    """The batch without any record: its offsets, and its producer's epoch and sequence, are not forgotten."""
    attributes = header.attributes & ~(CODEC_MASK | DELETE_HORIZON)
    return _with_records(header._replace(attributes=attributes, base_timestamp=NO_TIMESTAMP, record_count=0), b"")


def _retimed(body: bytes, span: RecordSpan, later_ms: int) -> bytes:
    """The record with a timestamp delta that is larger by `later_ms`."""
    record = b"".join(
        (
            body[span.timestamp_start - 1 : span.timestamp_start],
            varint(span.timestamp_delta + later_ms),
            body[span.timestamp_end : span.end],
        )
    )
    return varint(len(record)) + record


def _with_records(header: BatchHeader, records: Buffer) -> bytes:
    sized = header._replace(batch_length=HEADER_BYTES - LENGTH_PREFIX_BYTES + len(records))
    crc = crc32c(records, crc32c(HEADER.pack(*sized)[CRC_START:]))
    return b"".join((HEADER.pack(*sized._replace(crc=crc)), records))
