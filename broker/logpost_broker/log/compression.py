"""The codecs of record batches: gzip, snappy (raw, and for reading the xerial framing of Java producers), lz4 (frame
format), zstd.

No batch takes more memory than `MAX_RECORDS_BYTES`, whatever its bytes claim or do. All codecs release the GIL.
"""

from __future__ import annotations

import contextlib
import mmap
import threading
import zlib

import cramjam
import zstandard

from logpost_broker.log.batch import Buffer
from logpost_broker.log.limits import MAX_RECORDS_BYTES, MAX_UNSIZED_BYTES

NONE, GZIP, SNAPPY, LZ4, ZSTD = range(5)
CODECS = {"uncompressed": NONE, "gzip": GZIP, "snappy": SNAPPY, "lz4": LZ4, "zstd": ZSTD}
"""By their names in `compression.type`."""
XERIAL_MAGIC = b"\x82SNAPPY\x00"
XERIAL_HEADER_BYTES = 16
GZIP_FORMAT = 31
"""zlib's `wbits` for gzip."""
GZIP_PIECE_BYTES = 16 * 1024
"""Given to zlib at once from the second member on: it copies what is behind the end of a member, and a file may have a
member every 20 bytes."""

ROOM_BYTES = 2 * 1024 * 1024
"""Kept by each thread for what lz4 unpacks to, which it does not say before: a map for each batch takes three times as
long as lz4 does, for its page faults. Takes memory as it is filled."""


class _OfThread(threading.local):
    """What may not be shared, and costs more to make than to use for a small batch."""

    def __init__(self) -> None:
        self.zstd: dict[int, zstandard.ZstdCompressor] = {}
        """By level."""
        self.unzstd = zstandard.ZstdDecompressor()
        self.room = mmap.mmap(-1, ROOM_BYTES)


_of_thread = _OfThread()


def compress(codec: int, data: Buffer, level: int) -> bytes:
    """`data` compressed so that every Kafka client reads it; `level` is the codec's own, and snappy has none."""
    if codec == NONE:
        return bytes(data)
    if codec == GZIP:
        return zlib.compress(data, level, GZIP_FORMAT)
    if codec == SNAPPY:
        return bytes(cramjam.snappy.compress_raw(data))
    if codec == LZ4:  # Java clients read no linked blocks
        frame = cramjam.lz4.Compressor(level=level, content_checksum=False, block_linked=False)
        frame.compress(bytes(data))
        return bytes(frame.finish())
    if codec == ZSTD:
        return _zstd_compressor(level).compress(data)
    raise ValueError(f"unknown compression codec {codec}")


def _zstd_compressor(level: int) -> zstandard.ZstdCompressor:
    compressor = _of_thread.zstd.get(level)
    if compressor is None:
        compressor = _of_thread.zstd[level] = zstandard.ZstdCompressor(level=level)
    return compressor


def decompress(codec: int, data: Buffer, limit_bytes: int = MAX_RECORDS_BYTES) -> bytes:
    """The records of a batch. Raises ValueError when `data` is not what the codec says, or is larger than the limit."""
    try:
        if codec == NONE:
            return bytes(data)
        if codec == GZIP:
            return _gunzipped(data, limit_bytes)
        if codec == SNAPPY:
            return _snappy(data, limit_bytes)
        if codec == LZ4:
            return _unlz4(data, limit_bytes)
        if codec == ZSTD:
            size = zstandard.frame_content_size(data)
            _require_below(limit_bytes, size)
            limit_bytes = min(limit_bytes, MAX_UNSIZED_BYTES) if size < 0 else limit_bytes
            return _of_thread.unzstd.decompress(data, max_output_size=limit_bytes)
    except (cramjam.DecompressionError, zstandard.ZstdError, zlib.error) as error:
        raise ValueError(f"the records do not decompress (codec {codec}): {error}") from error
    raise ValueError(f"unknown compression codec {codec}")


def _require_below(limit_bytes: int, size_bytes: int) -> None:
    if size_bytes > limit_bytes:
        raise ValueError(f"the records of a batch decompress to more than {limit_bytes} bytes")


def _unlz4(data: Buffer, limit_bytes: int) -> bytes:
    if limit_bytes >= ROOM_BYTES:
        with contextlib.suppress(cramjam.DecompressionError):  # it may be too large
            room = _of_thread.room
            return room[: cramjam.lz4.decompress_into(data, room)]
    with mmap.mmap(-1, limit_bytes) as large:
        return large[: cramjam.lz4.decompress_into(data, large)]


def _gunzipped(data: Buffer, limit_bytes: int) -> bytes:
    """All members of a gzip file."""
    parts = []
    size = position = 0
    data = memoryview(data)
    piece_bytes = len(data)  # usually there is one member
    while position < len(data):
        member = zlib.decompressobj(GZIP_FORMAT)
        while not member.eof:
            piece = data[position : position + piece_bytes]
            if not piece:
                raise ValueError("the records do not decompress: the gzip data is cut short")
            position += len(piece)
            part = member.decompress(piece, limit_bytes - size + 1)
            size += len(part)
            _require_below(limit_bytes, size)
            if part:
                parts.append(part)
        position -= len(member.unused_data)
        piece_bytes = GZIP_PIECE_BYTES
    return b"".join(parts)


def _snappy(data: Buffer, limit_bytes: int) -> bytes:
    if data[: len(XERIAL_MAGIC)] != XERIAL_MAGIC:
        _require_below(limit_bytes, cramjam.snappy.decompress_raw_len(data))
        return bytes(cramjam.snappy.decompress_raw(data))
    parts = []
    total = 0
    position = XERIAL_HEADER_BYTES
    while position + 4 <= len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        block = data[position + 4 : position + 4 + size]
        total += cramjam.snappy.decompress_raw_len(block)
        _require_below(limit_bytes, total)
        parts.append(bytes(cramjam.snappy.decompress_raw(block)))
        position += 4 + size
    return b"".join(parts)
