"""Batches that no broker of ours takes, for its log."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Any

import cramjam
import zstandard
from crc32c import crc32c

from logpost_broker.log.records import encoded_record, varint

GZIP, SNAPPY, LZ4, ZSTD, UNKNOWN = 1, 2, 3, 4, 7
CODECS = {"gzip": GZIP, "snappy": SNAPPY, "lz4": LZ4, "zstd": ZSTD}
MIB = 1024 * 1024


def record(delta: int, value: bytes = b"forged") -> bytes:
    return encoded_record(delta, None, value)


def batch(start: int, records: bytes, *, count: int = 1, codec: int = 0, is_damaged: bool = False) -> bytes:
    """A batch that says that it holds `count` records."""
    tail = struct.pack(">hiqqqhii", codec, count - 1, 0, 0, -1, -1, -1, count) + records
    crc = crc32c(tail) ^ is_damaged
    return struct.pack(">qiibI", start, 9 + len(tail), 0, 2, crc) + tail


def packed(codec: int, records: bytes) -> bytes:
    if codec == GZIP:
        return zlib.compress(records, 1, 31)
    if codec == SNAPPY:
        return bytes(cramjam.snappy.compress_raw(records))
    if codec == LZ4:
        return bytes(cramjam.lz4.compress(records))
    return zstandard.compress(records)


def framed_snappy(*parts: bytes) -> bytes:
    """As Java producers write it."""
    blocks = [packed(SNAPPY, part) for part in parts]
    return b"\x82SNAPPY\x00" + struct.pack(">ii", 1, 1) + b"".join(struct.pack(">i", len(one)) + one for one in blocks)


def bomb(codec: int, mib: int) -> bytes:
    """One record of zeros."""
    pieces = _zeros(mib)
    if codec == SNAPPY:
        return framed_snappy(*pieces)
    packer: Any
    if codec == LZ4:
        packer = cramjam.lz4.Compressor(level=1, content_checksum=False, block_linked=False)
        for piece in pieces:
            packer.compress(piece)
        return bytes(packer.finish())
    packer = zlib.compressobj(1, zlib.DEFLATED, 31) if codec == GZIP else zstandard.ZstdCompressor().compressobj()
    return b"".join([*map(packer.compress, pieces), packer.flush()])


def _zeros(mib: int) -> Iterator[bytes]:
    body = b"\0\0\0\x01" + varint(mib * MIB)
    yield varint(len(body) + mib * MIB + 1) + body
    for _ in range(mib):
        yield bytes(MIB)
    yield b"\0"
