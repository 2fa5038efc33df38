"""JSON lines: one object on a line."""

from __future__ import annotations

import msgspec

from logpost.formats.fields import Document, read_document
from logpost.formats.parsed import Parsed
from logpost.formats.times import Times

_decoder = msgspec.json.Decoder(Document)


def json_line(text: str, times: Times, now_ns: int) -> Parsed | None:
    try:
        document = _decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return read_document(document, text, times, now_ns)
