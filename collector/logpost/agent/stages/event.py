"""What goes through the stages: a line. Pure."""

from __future__ import annotations

import enum

import msgspec


class Mark(enum.IntFlag):
    """What is unusual about a line."""

    NONE = 0
    INVALID_UTF8 = 1
    """Bytes that are not UTF-8 were replaced with U+FFFD."""
    TRUNCATED = 2
    """The line is longer than the limit; it goes on in the next piece."""
    CONTINUED = 4
    """Not the beginning of a line: the bytes before it were shipped in a record of their own."""


class Line(msgspec.Struct, frozen=True, gc=False):
    """`text` without its line end; bytes `start` (incl.) to `end` (excl.) of the stream, line end and skipped empty
    lines before it included."""

    start: int
    end: int
    text: str
    marks: Mark = Mark.NONE
