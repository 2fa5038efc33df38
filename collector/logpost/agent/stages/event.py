"""What goes through the stages, and what a stage is. Pure."""

from __future__ import annotations

import enum
from typing import Protocol

import msgspec

from logpost.formats import Parsed


class Mark(enum.IntFlag):
    """What is unusual about a line."""

    NONE = 0
    INVALID_UTF8 = 1
    """Bytes that are not UTF-8 were replaced with U+FFFD."""
    TRUNCATED = 2
    """The line is longer than the limit; it goes on in the next piece."""
    CONTINUED = 4
    """Not the beginning of a line: the bytes before it were shipped in a record of their own."""


class Event(msgspec.Struct, gc=False):
    """A line of a file, or what another source has as one. `text` is without its line end. Its range in the stream, of
    bytes or what its source counts in, begins where the event before it ends and goes to `end` (excl.): line end and
    skipped empty lines before it included. `parsed`: what it says, once that is known."""

    end: int
    text: str
    marks: Mark = Mark.NONE
    parsed: Parsed | None = None


class Stage(Protocol):
    """One step of one stream. Keeps what it must remember of the events before; knows no clock and does no IO."""

    def apply(self, event: Event, now_ns: int) -> Event | None:
        """The event, which may be changed in place; None: it goes no further, and its range counts to the event after
        it. `now_ns`: the time of reading, Unix nanoseconds."""
