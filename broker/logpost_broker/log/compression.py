"""The codecs of record batches, for reading: gzip, snappy (plain and in the xerial framing that Java producers
write), lz4 (frame format), zstd."""

from __future__ import annotations

import cramjam
import zstandard

NONE, GZIP, SNAPPY, LZ4, ZSTD = range(5)
XERIAL_MAGIC = b"\x82SNAPPY\x00"
XERIAL_HEADER_BYTES = 16


def decompress(codec: int, data: bytes) -> bytes:
    """The records of a batch. Raises ValueError when `data` is not what the codec says."""
    try:
        if codec == NONE:
            return data
        if codec == GZIP:
            return bytes(cramjam.gzip.decompress(data))
        if codec == SNAPPY:
            return _snappy(data)
        if codec == LZ4:
            return bytes(cramjam.lz4.decompress(data))
        if codec == ZSTD:
            return zstandard.ZstdDecompressor().decompressobj().decompress(data)
    except (cramjam.DecompressionError, zstandard.ZstdError) as error:
        raise ValueError(f"the records do not decompress (codec {codec}): {error}") from error
    raise ValueError(f"unknown compression codec {codec}")


def _snappy(data: bytes) -> bytes:
    if not data.startswith(XERIAL_MAGIC):
        return bytes(cramjam.snappy.decompress_raw(data))
    parts = []
    position = XERIAL_HEADER_BYTES
    while position + 4 <= len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        parts.append(bytes(cramjam.snappy.decompress_raw(data[position + 4 : position + 4 + size])))
        position += 4 + size
    return b"".join(parts)
