"""The primitive types of Kafka's message formats, as the records of `__consumer_offsets` are written in them.

Big-endian integers; a length before each string, byte field and array: fixed-width, or an unsigned varint plus one in
a flexible version (KIP-482), whose structs end with tagged fields.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

_INT16 = struct.Struct(">h")
_INT32 = struct.Struct(">i")
_INT64 = struct.Struct(">q")

MAX_STRING_BYTES = 32_767
"""The longest string that the journals' record schemas hold."""
NO_TAGS = b"\0"
"""The end of a struct of a flexible version that has no tagged fields."""


def int16(value: int) -> bytes:
    return _INT16.pack(value)


def int32(value: int) -> bytes:
    return _INT32.pack(value)


def int64(value: int) -> bytes:
    return _INT64.pack(value)


def string(value: str | None) -> bytes:
    """At most MAX_STRING_BYTES of UTF-8; None is written as a null."""
    if value is None:
        return int16(-1)
    data = value.encode()
    return int16(len(data)) + data


def byte_field(value: bytes) -> bytes:
    return int32(len(value)) + value


def unsigned_varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def compact_string(value: str) -> bytes:
    """As flexible versions have it."""
    data = value.encode()
    return unsigned_varint(len(data) + 1) + data


def compact_nullable_string(value: str | None) -> bytes:
    return unsigned_varint(0) if value is None else compact_string(value)


def compact_bytes(value: bytes) -> bytes:
    return unsigned_varint(len(value) + 1) + value


def compact_array(items: Sequence[bytes]) -> bytes:
    """Of items that are encoded already."""
    return unsigned_varint(len(items) + 1) + b"".join(items)


def compact_int32_array(numbers: Sequence[int]) -> bytes:
    return unsigned_varint(len(numbers) + 1) + struct.pack(f">{len(numbers)}i", *numbers)


def tagged_fields(fields: Mapping[int, bytes]) -> bytes:
    """Tag → encoded field, at the end of a struct of a flexible version."""
    items = (unsigned_varint(tag) + unsigned_varint(len(data)) + data for tag, data in sorted(fields.items()))
    return unsigned_varint(len(fields)) + b"".join(items)


class Reader:
    """Reads field after field. Every method raises ValueError where the bytes do not hold what is asked for."""

    def __init__(self, data: bytes, *, flexible: bool = False) -> None:
        self._data = data
        self._position = 0
        self.flexible = flexible

    def take(self, size: int) -> bytes:
        end = self._position + size
        if size < 0 or end > len(self._data):
            raise ValueError(f"the record ends at byte {len(self._data)}, inside a field of {size}")
        taken = self._data[self._position : end]
        self._position = end
        return taken

    def int16(self) -> int:
        return int.from_bytes(self.take(2), "big", signed=True)

    def int32(self) -> int:
        return int.from_bytes(self.take(4), "big", signed=True)

    def int64(self) -> int:
        return int.from_bytes(self.take(8), "big", signed=True)

    def unsigned_varint(self) -> int:
        value = shift = 0
        while shift < 35:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
        raise ValueError("a varint of more than five bytes")

    def nullable_string(self) -> str | None:
        length = self.unsigned_varint() - 1 if self.flexible else self.int16()
        return None if length == -1 else self.take(length).decode()

    def string(self) -> str:
        value = self.nullable_string()
        if value is None:
            raise ValueError("null instead of a string")
        return value

    def byte_field(self) -> bytes:
        return self.take(self.unsigned_varint() - 1 if self.flexible else self.int32())

    def array_length(self) -> int:
        length = self.nullable_array_length()
        if length is None:
            raise ValueError("null instead of an array")
        return length

    def nullable_array_length(self) -> int | None:
        length = self.unsigned_varint() - 1 if self.flexible else self.int32()
        if length == -1:
            return None
        if not 0 <= length <= len(self._data):
            raise ValueError(f"an array of {length} elements in {len(self._data)} bytes")
        return length

    def tagged_fields(self) -> Mapping[int, bytes]:
        """Tag → encoded field; there are none outside flexible versions."""
        if not self.flexible:
            return {}
        return {self.unsigned_varint(): self.take(self.unsigned_varint()) for _ in range(self.unsigned_varint())}
