"""The header before each request and each response (KIP-482 for the tagged fields of flexible versions)."""

from __future__ import annotations

import struct
from typing import NamedTuple

from kio.serial.errors import SerialError
from kio.serial.readers import read_unsigned_varint

from logpost_broker.errors import ProtocolError
from logpost_broker.wire.framing import Frame

FIXED = struct.Struct(">hhih")
KEY_AND_VERSION = struct.Struct(">hh")
CORRELATION = struct.Struct(">i")
NO_TAGS = b"\x00"


class RequestHeader(NamedTuple):
    api_key: int
    version: int
    correlation_id: int
    client_id: str | None


def read_api(frame: Frame) -> tuple[int, int]:
    """API key and version. Raises ProtocolError."""
    if len(frame) < FIXED.size:
        raise ProtocolError(f"a request of {len(frame)} bytes")
    key, version = KEY_AND_VERSION.unpack_from(frame)
    return key, version


def read_request_header(frame: Frame, *, flexible: bool) -> tuple[RequestHeader, int]:
    """The header and where the request begins. Raises ProtocolError. The client id is not compact even in flexible
    versions."""
    key, version, correlation_id, length = FIXED.unpack_from(frame)
    position = FIXED.size + max(length, 0)
    if length < -1 or position > len(frame):
        raise ProtocolError("a client id that ends outside its request")
    try:
        client_id = None if length < 0 else str(frame[FIXED.size : position], "utf-8")
        if flexible:
            position = _skip_tags(frame, position)
    except (UnicodeDecodeError, SerialError) as error:
        raise ProtocolError(f"a malformed request header: {error}") from error
    return RequestHeader(key, version, correlation_id, client_id), position


def _skip_tags(frame: Frame, position: int) -> int:
    count, size = read_unsigned_varint(frame, position)
    position += size
    for _ in range(count):
        _, size = read_unsigned_varint(frame, position)
        position += size
        length, size = read_unsigned_varint(frame, position)
        position += size + length
    return position


def response_header(correlation_id: int, *, flexible: bool) -> bytes:
    return CORRELATION.pack(correlation_id) + (NO_TAGS if flexible else b"")
