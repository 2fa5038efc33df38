"""JSON lines: one object on a line."""

from __future__ import annotations

import msgspec

from logpost.formats.fields import Document, read_document
from logpost.formats.parsed import Parsed
from logpost.formats.times import Times

MAX_DEPTH = 64
"""An object nested deeper stays plain text: no search looks that deep, and writing it again could exhaust the stack."""
_decoder = msgspec.json.Decoder(Document)


def json_line(text: str, times: Times, now_ns: int) -> Parsed | None:
    try:
        document = _decoder.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    if text.count("{") + text.count("[") > MAX_DEPTH and _is_deep(document):
        return None
    return read_document(document, text, times, now_ns)


def _is_deep(document: Document) -> bool:
    level: list[object] = [document]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True
