"""The records inside a batch: read them from any codec, build a batch of the broker's own.

Only readers that need keys or times open batches: the coordinators' internal topics, and lookups by time.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from crc32c import crc32c

from logpost_broker.log.batch import (
    CONTROL,
    CRC_START,
    HEADER,
    HEADER_BYTES,
    LENGTH_PREFIX_BYTES,
    LOG_APPEND_TIME,
    MAGIC,
    NO_PRODUCER,
    NO_SEQUENCE,
    TRANSACTIONAL,
    BatchHeader,
    Buffer,
    read_header,
    whole_batches,
)
from logpost_broker.log.compression import decompress
from logpost_broker.log.limits import MAX_RECORD_HEADERS
from logpost_broker.log.producer_identity import ProducerIdentity

MARKER_KEY = struct.Struct(">hh")
"""Version and type."""
MARKER_VALUE = struct.Struct(">hi")
"""Version and coordinator epoch."""
MARKER_VERSION = 0
ABORT, COMMIT = 0, 1
VARINT_BITS = 70
"""Ten bytes of seven bits hold every 64-bit number."""


class Record(NamedTuple):
    """One record. `key` or `value` may be null; a null value deletes the key where a topic is compacted."""

    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[bytes, bytes | None], ...] = ()


def build_batch(
    records: Sequence[tuple[bytes | None, bytes | None]], timestamp_ms: int, producer: ProducerIdentity | None = None
) -> bytes:
    """An uncompressed batch of (key, value) pairs, base offset 0: a log sets the offset at append. In a transaction of
    `producer` if it is given; without sequences, as a coordinator writes."""
    return _batch(records, timestamp_ms, producer, attributes=0 if producer is None else TRANSACTIONAL)


def build_marker(producer: ProducerIdentity, coordinator_epoch: int, *, commit: bool, timestamp_ms: int) -> bytes:
    """The control batch that ends a producer's transaction (KIP-98)."""
    key = MARKER_KEY.pack(MARKER_VERSION, COMMIT if commit else ABORT)
    value = MARKER_VALUE.pack(MARKER_VERSION, coordinator_epoch)
    return _batch([(key, value)], timestamp_ms, producer, attributes=TRANSACTIONAL | CONTROL)


def _batch(
    records: Sequence[tuple[bytes | None, bytes | None]],
    timestamp_ms: int,
    producer: ProducerIdentity | None,
    attributes: int,
) -> bytes:
    body = b"".join(encoded_record(delta, key, value) for delta, (key, value) in enumerate(records))
    return _headed(body, len(records), timestamp_ms, producer, attributes)


def headed(body: bytes, count: int, timestamp_ms: int, producer: ProducerIdentity | None = None) -> bytes:
    """As `build_batch`, of records that are encoded already."""
    return _headed(body, count, timestamp_ms, producer, attributes=0 if producer is None else TRANSACTIONAL)


def _headed(body: bytes, count: int, timestamp_ms: int, producer: ProducerIdentity | None, attributes: int) -> bytes:
    header = BatchHeader(
        base_offset=0,
        batch_length=HEADER_BYTES - LENGTH_PREFIX_BYTES + len(body),
        partition_leader_epoch=-1,
        magic=MAGIC,
        crc=0,
        attributes=attributes,
        last_offset_delta=count - 1,
        base_timestamp=timestamp_ms,
        max_timestamp=timestamp_ms,
        producer_id=NO_PRODUCER if producer is None else producer.producer_id,
        producer_epoch=-1 if producer is None else producer.epoch,
        base_sequence=NO_SEQUENCE,
        record_count=count,
    )
    summed = HEADER.pack(*header)[CRC_START:]
    return HEADER.pack(*header._replace(crc=crc32c(body, crc32c(summed)))) + body


def records_of(batch: Buffer) -> Iterator[Record]:
    """The records of one whole batch. Raises ValueError when its inside is malformed."""
    header = read_header(batch)
    return decoded_records(header, decompress(header.codec, memoryview(batch)[HEADER_BYTES : header.size_bytes]))


def decoded_records(header: BatchHeader, body: bytes) -> Iterator[Record]:
    """The records of a batch, `body`, that are decompressed. Raises ValueError when they are malformed."""
    append_time = header.max_timestamp if header.attributes & LOG_APPEND_TIME else None
    position = 0
    for _ in range(header.record_count):
        try:
            record, position = _decoded(header, body, position)
        except IndexError:
            raise ValueError(f"the batch at offset {header.base_offset} ends inside a record") from None
        yield record if append_time is None else record._replace(timestamp_ms=append_time)
    if position != len(body):
        raise ValueError(f"the batch at offset {header.base_offset} has bytes after its records")


def records_in(buffer: Buffer) -> Iterator[Record]:
    """The records of all whole batches in `buffer`, such as those of a fetch's answer."""
    view = memoryview(buffer)
    for position, header in whole_batches(buffer):
        yield from records_of(view[position : position + header.size_bytes])


def encoded_record(offset_delta: int, key: bytes | None, value: bytes | None) -> bytes:
    """A record as it stands in a batch that is not compressed; `offset_delta`: its place there."""
    record = b"\x00\x00" + varint(offset_delta) + _nullable(key) + _nullable(value) + b"\x00"
    return varint(len(record)) + record


def _nullable(data: bytes | None) -> bytes:
    return b"\x01" if data is None else varint(len(data)) + data


def varint(value: int) -> bytes:
    """A zigzag variable-length integer, as in Protocol Buffers."""
    rest = (value << 1) ^ (value >> 63)
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def _decoded(header: BatchHeader, body: bytes, position: int) -> tuple[Record, int]:
    length, position = read_varint(body, position)
    end = position + length
    if length < 0 or end > len(body):
        raise IndexError(position)
    timestamp_delta, position = read_varint(body, position + 1)
    offset_delta, position = read_varint(body, position)
    key, position = _read_nullable(body, position)
    value, position = _read_nullable(body, position)
    headers, position = _read_headers(body, position)
    if position != end:
        raise ValueError(f"a record of the batch at offset {header.base_offset} has a wrong length")
    timestamp = header.base_timestamp + timestamp_delta
    return Record(header.base_offset + offset_delta, timestamp, key, value, headers), end


def _read_headers(body: bytes, position: int) -> tuple[tuple[tuple[bytes, bytes | None], ...], int]:
    count, position = read_varint(body, position)
    if count < 0:
        raise ValueError("a record of a batch has less than no headers")
    if count > MAX_RECORD_HEADERS:
        raise ValueError(f"a record of a batch has {count} headers, {MAX_RECORD_HEADERS} are read")
    headers = []
    for _ in range(count):
        name, position = _read_nullable(body, position)
        content, position = _read_nullable(body, position)
        if name is None:
            raise ValueError("a record has a header without a name")
        headers.append((name, content))
    return tuple(headers), position


def _read_nullable(body: bytes, position: int) -> tuple[bytes | None, int]:
    length, position = read_varint(body, position)
    if length < 0:
        return None, position
    if position + length > len(body):
        raise IndexError(position)
    return body[position : position + length], position + length


def read_varint(body: bytes, position: int) -> tuple[int, int]:
    """A zigzag integer and the position after it. Raises IndexError where `body` ends, ValueError when the integer does
    not."""
    value = shift = 0
    while True:
        byte = body[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), position
        shift += 7
        if shift >= VARINT_BITS:
            raise ValueError("a number in a batch does not end")
