"""Compressing a batch at rest (`compression.type`), from its header alone: the records are compressed as bytes.

What changes is the codec in the attributes, the length, the records and the CRC. Offsets, timestamps, producer id,
epoch, sequence and the transactional bit stay. Pure; may run in a thread.
"""

from __future__ import annotations

from dataclasses import dataclass

from crc32c import crc32c

from logpost_broker.log.batch import (
    CODEC_MASK,
    CRC_START,
    HEADER,
    HEADER_BYTES,
    LENGTH_PREFIX_BYTES,
    LOG_APPEND_TIME,
    BatchHeader,
    Buffer,
)
from logpost_broker.log.compression import NONE, compress

MIN_RECORDS_BYTES = 512
"""Smaller records stay as they are: of one or two log lines zstd takes away a seventh to two fifths
(docs/decisions/2026-11-23-zstd-1-at-rest.md)."""
MIN_BATCH_LENGTH = MIN_RECORDS_BYTES + HEADER_BYTES - LENGTH_PREFIX_BYTES


@dataclass(frozen=True, slots=True)
class Target:
    """How a topic keeps its batches."""

    codec: int
    level: int
    is_strict: bool
    """The topic itself names the codec: batches that come in another one are changed as well."""

    def applies_to(self, header: BatchHeader) -> bool:
        codec = header.codec
        if codec == self.codec:
            return False
        if codec == NONE:
            return header.batch_length >= MIN_BATCH_LENGTH
        return self.is_strict


def recompressed(header: BatchHeader, records: Buffer, target: Target, append_time_ms: int | None = None) -> bytes:
    """The batch of these records, which are decompressed, in the target's codec, with the broker's time if
    `append_time_ms` gives one. Records that came uncompressed stay so where compressing gains nothing."""
    codec = target.codec
    packed: Buffer = compress(codec, records, target.level)
    if header.codec == NONE and len(packed) >= len(records):
        codec, packed = NONE, records
    return _rewritten(header, packed, codec, append_time_ms)


def _rewritten(header: BatchHeader, packed: Buffer, codec: int, append_time_ms: int | None) -> bytes:
    attributes = header.attributes & ~CODEC_MASK | codec
    max_timestamp = header.max_timestamp
    if append_time_ms is not None:
        attributes |= LOG_APPEND_TIME
        max_timestamp = append_time_ms
    changed = header._replace(
        attributes=attributes,
        max_timestamp=max_timestamp,
        batch_length=HEADER_BYTES - LENGTH_PREFIX_BYTES + len(packed),
    )
    crc = crc32c(packed, crc32c(HEADER.pack(*changed)[CRC_START:]))
    return b"".join((HEADER.pack(*changed._replace(crc=crc)), packed))
