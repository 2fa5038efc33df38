"""A record that is larger than the broker takes: its message is cut until it fits. Pure."""

from __future__ import annotations

import msgspec

from logpost.record import Record

FIRST_CUT = 64 * 1024
"""Characters. Escaped sixfold as JSON they still fit into Kafka's default of 1 MB."""
SMALLEST_MESSAGE = 64

_decode = msgspec.json.Decoder(Record).decode
_encode = msgspec.json.Encoder().encode


def shrink(value: bytes) -> bytes | None:
    """The record with a shorter message, without its attributes, marked; None when there is nothing left to cut."""
    record = _decode(value)
    length = len(record.message)
    if length <= SMALLEST_MESSAGE and not record.attrs:
        return None
    record.message = record.message[: min(FIRST_CUT, max(SMALLEST_MESSAGE, length // 2))]
    record.attrs = {} if length <= SMALLEST_MESSAGE else {"truncated": True}
    return _encode(record)
