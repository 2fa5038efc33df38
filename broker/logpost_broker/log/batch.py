"""The header of a record batch, format v2 (KIP-98).

A batch is handled by its 61-byte header alone; its records stay opaque (`log/records.py` opens them). What is checked
before a batch enters a log is in `log/produced.py`. Offsets are in records, sizes and positions in bytes, timestamps in
milliseconds since 1970.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from crc32c import crc32c

HEADER = struct.Struct(">qiibIhiqqqhii")
HEADER_BYTES = HEADER.size
LENGTH_PREFIX_BYTES = 12
"""Base offset and batch length stand before the bytes that the batch length counts."""
MAGIC_POSITION = 16
CRC_POSITION = 17
CRC_START = 21
"""The CRC covers everything from the attributes on: neither base offset nor leader epoch."""
MAGIC = 2

CODEC_MASK = 0x07
LOG_APPEND_TIME = 0x08
TRANSACTIONAL = 0x10
CONTROL = 0x20
DELETE_HORIZON = 0x40
"""The base timestamp is when the batch's tombstones, or its marker, may go (KIP-534)."""
NO_PRODUCER = -1
NO_SEQUENCE = -1
NO_TIMESTAMP = -1

Buffer = bytes | bytearray | memoryview


class BatchHeader(NamedTuple):
    """The fields in their order on the wire."""

    base_offset: int
    batch_length: int
    partition_leader_epoch: int
    magic: int
    crc: int
    attributes: int
    last_offset_delta: int
    base_timestamp: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    record_count: int

    @property
    def size_bytes(self) -> int:
        return self.batch_length + LENGTH_PREFIX_BYTES

    @property
    def last_offset(self) -> int:
        return self.base_offset + self.last_offset_delta

    @property
    def codec(self) -> int:
        """0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd."""
        return self.attributes & CODEC_MASK


def read_header(buffer: Buffer, position: int = 0) -> BatchHeader:
    """The header at `position`. Raises struct.error when fewer than 61 bytes are left."""
    return BatchHeader._make(HEADER.unpack_from(buffer, position))


def crc_matches(batch: Buffer, header: BatchHeader) -> bool:
    """Whether the bytes of exactly one batch are the ones its producer summed."""
    return bool(crc32c(memoryview(batch)[CRC_START : header.size_bytes]) == header.crc)


def whole_batches(buffer: Buffer) -> Iterator[tuple[int, BatchHeader]]:
    """Position and header of each batch that lies in `buffer` to its last byte."""
    position = 0
    while position + HEADER_BYTES <= len(buffer):
        header = read_header(buffer, position)
        if header.size_bytes < HEADER_BYTES or position + header.size_bytes > len(buffer):
            return
        yield position, header
        position += header.size_bytes


def stamped(header: BatchHeader, batch: Buffer, append_time_ms: int) -> bytes:
    """The batch with the broker's time as that of all its records (`message.timestamp.type=LogAppendTime`)."""
    attributes = header.attributes | LOG_APPEND_TIME
    return _with_header(header._replace(attributes=attributes, max_timestamp=append_time_ms), batch)


def with_max_timestamp(header: BatchHeader, batch: Buffer, max_timestamp: int) -> bytes:
    """The batch with another newest time of its records."""
    return _with_header(header._replace(max_timestamp=max_timestamp), batch)


def _with_header(header: BatchHeader, batch: Buffer) -> bytes:
    """With the CRC of what it has then."""
    body = bytearray(batch)
    HEADER.pack_into(body, 0, *header)
    HEADER.pack_into(body, 0, *header._replace(crc=crc32c(memoryview(body)[CRC_START:])))
    return bytes(body)
