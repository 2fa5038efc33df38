"""Taking the records of a batch out of their codec, within one bound of memory. Pure.

The bounds are those of logpost's broker, which lets in no more. Other brokers look at nothing, and a few kilobytes may
unpack to gigabytes.
"""

from __future__ import annotations

import mmap

import cramjam

MAX_RECORDS_BYTES = 100_000_000
"""What the records of one batch may unpack to."""
MAX_BATCH_RECORDS = 1_000_000
"""How many they may be."""
NONE, GZIP, SNAPPY, LZ4, ZSTD = range(5)
_FRAMED = {GZIP: cramjam.gzip, LZ4: cramjam.lz4, ZSTD: cramjam.zstd}
_XERIAL_MAGIC = b"\x82SNAPPY\x00"
"""Of Java's framing of snappy: behind its header, blocks under their lengths."""
_XERIAL_HEADER_BYTES = 16
_NO_ROOM = "failed to write whole buffer"
"""What cramjam says of it."""


class UnpackingError(ValueError):
    """The records of a batch "…"."""


def unpacked(codec: int, packed: bytes) -> memoryview:
    """The records. Raises UnpackingError."""
    if codec == NONE:
        return memoryview(packed)
    room = memoryview(mmap.mmap(-1, MAX_RECORDS_BYTES))  # takes memory as it is filled, and goes with its last view
    return room[: _unpack(codec, packed, room)]


def _unpack(codec: int, packed: bytes, room: memoryview) -> int:
    """Into `room`; how many bytes it is. Raises UnpackingError."""
    try:
        if codec in _FRAMED:
            return int(_FRAMED[codec].decompress_into(packed, room))
        if codec == SNAPPY:
            return _unpack_snappy(packed, room)
    except cramjam.DecompressionError as error:
        if _NO_ROOM in str(error):
            raise _too_large() from None
        raise UnpackingError("cannot be unpacked") from None
    raise UnpackingError(f"are packed by a codec that nobody knows, {codec}")


def _unpack_snappy(packed: bytes, room: memoryview) -> int:
    if not packed.startswith(_XERIAL_MAGIC):
        return _unpack_block(packed, room)
    size, position = 0, _XERIAL_HEADER_BYTES
    while position < len(packed):
        begin = position + 4
        position = begin + int.from_bytes(packed[position:begin], "big")
        size += _unpack_block(packed[begin:position], room[size:])
    return size


def _unpack_block(block: bytes, room: memoryview) -> int:
    if cramjam.snappy.decompress_raw_len(block) > len(room):
        raise _too_large()
    return int(cramjam.snappy.decompress_raw_into(block, room))


def _too_large() -> UnpackingError:
    return UnpackingError(f"unpack to more than {MAX_RECORDS_BYTES} bytes")
