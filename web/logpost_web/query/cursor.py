"""Where the next page of rows begins: the place of the last row given out. A cursor's text is opaque to clients."""

from __future__ import annotations

import base64
import binascii

import msgspec

from logpost_web.errors import BadArgumentError


class Cursor(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The sort key of a row; (topic, partition, offset) makes it unique."""

    timestamp_ns: int
    topic: str
    partition: int
    offset: int


def encode_cursor(cursor: Cursor) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def decode_cursor(text: str) -> Cursor:
    """Raises BadArgumentError for a text that `encode_cursor` did not make."""
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=Cursor)
    except (msgspec.MsgspecError, binascii.Error, UnicodeError, ValueError) as error:
        raise BadArgumentError("this cursor is not one that a search has answered") from error
