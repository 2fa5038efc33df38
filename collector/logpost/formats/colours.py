"""A terminal's control sequences (ECMA-48): colours, movements, titles, links. They are no part of levels and times."""

from __future__ import annotations

import re

_ESCAPE, _CSI = "\x1b", "\x9b"
_SEQUENCE = re.compile(
    "\x1b(?:\\[[0-?]*+[ -/]*+[@-~]"  # CSI: colours are those that end in m
    "|[\\]PX^_][^\x07\x1b]*+(?:\x07|\x1b\\\\)"  # OSC and other strings
    "|[ -/]++[0-~]|[0-OQ-WYZ`-~])"
    "|\x9b[0-9;:]*+m"  # a colour whose CSI is one character; others may be letters in a wrong encoding
)


def may_have_colours(text: str) -> bool:
    return _ESCAPE in text or _CSI in text


def without_colours(text: str) -> str:
    """The text without its sequences; one that is broken off stays."""
    return _SEQUENCE.sub("", text) if may_have_colours(text) else text
