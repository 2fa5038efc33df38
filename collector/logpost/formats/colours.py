"""A terminal's control sequences (ECMA-48): colours, movements, titles, links. They are no part of levels and times."""

from __future__ import annotations

import re

ESCAPE = "\x1b"
_SEQUENCE = re.compile(
    "\x1b(?:\\[[0-?]*+[ -/]*+[@-~]"  # CSI: colours are those that end in m
    "|[\\]PX^_][^\x07\x1b]*+(?:\x07|\x1b\\\\)"  # OSC and other strings
    "|[ -/]++[0-~]|[0-OQ-WYZ`-~])"
)


def without_colours(text: str) -> str:
    """The text without its sequences; one that is broken off stays."""
    return _SEQUENCE.sub("", text) if ESCAPE in text else text
