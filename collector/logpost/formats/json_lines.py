"""JSON lines: one object on a line."""

from __future__ import annotations

from logpost.formats.fields import read_document
from logpost.formats.json_text import read_json
from logpost.formats.parsed import Parsed
from logpost.formats.times import Times


def json_line(text: str, times: Times, now_ns: int) -> Parsed | None:
    if text[:1] != "{" and text.lstrip()[:1] != "{":
        return None
    document = read_json(text)
    return None if document is None else read_document(document, text, times, now_ns)
