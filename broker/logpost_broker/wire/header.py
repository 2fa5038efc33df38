"""The header before each request and each response (KIP-482 for the tagged fields of flexible versions)."""

from __future__ import annotations

import struct
from typing import NamedTuple

from logpost_broker.errors import MalformedError
from logpost_broker.wire.framing import Frame
from logpost_broker.wire.walk import varint

FIXED = struct.Struct(">hhih")
KEY_AND_VERSION = struct.Struct(">hh")
CORRELATION = struct.Struct(">i")
NO_TAGS = b"\x00"
MAX_TAGS = 1_000
"""Tagged fields of a header, which nobody here knows. They are gone over on the event loop, in a millisecond."""


class RequestHeader(NamedTuple):
    api_key: int
    version: int
    correlation_id: int
    client_id: str | None


def read_api(frame: Frame) -> tuple[int, int]:
    """API key and version. Raises MalformedError."""
    if len(frame) < FIXED.size:
        raise MalformedError(f"a request of {len(frame)} bytes")
    key, version = KEY_AND_VERSION.unpack_from(frame)
    return key, version


def read_request_header(frame: Frame, *, flexible: bool) -> tuple[RequestHeader, int]:
    """The header and where the request begins. Raises MalformedError. The client id is not compact even in flexible
    versions."""
    key, version, correlation_id, length = FIXED.unpack_from(frame)
    position = FIXED.size + max(length, 0)
    if length < -1 or position > len(frame):
        raise MalformedError("a client id that ends outside its request")
    try:
        client_id = None if length < 0 else str(frame[FIXED.size : position], "utf-8")
        if flexible:
            position = _skip_tags(frame, position)
    except (ValueError, IndexError) as error:
        raise MalformedError(f"a malformed request header: {error}") from error
    return RequestHeader(key, version, correlation_id, client_id), position


def _skip_tags(frame: Frame, position: int) -> int:
    """Raises ValueError, and IndexError where the frame ends."""
    count, position = varint(frame, position)
    if count > MAX_TAGS:
        raise ValueError(f"{count} tagged fields, {MAX_TAGS} are taken")
    for _ in range(count):
        _, position = varint(frame, position)
        length, position = varint(frame, position)
        position += length
    return position


def response_header(correlation_id: int, *, flexible: bool) -> bytes:
    return CORRELATION.pack(correlation_id) + (NO_TAGS if flexible else b"")
