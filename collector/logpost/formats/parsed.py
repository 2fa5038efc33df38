"""What a line says about itself, and the shape of a format."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from logpost.formats.times import Times


class Parsed(msgspec.Struct):
    """One line, read. `ts_ns` is None when the line carries no time; other fields are empty when it does not say.

    `ts_ns` lies in the years 1 to 9999, so `logpost.record.format_ts` takes it. `level` is one of
    `logpost.record.LEVELS`, or the word that the line has for it, or empty.
    """

    message: str
    ts_ns: int | None = None
    level: str = ""
    attrs: dict[str, object] = {}
    trace_id: str = ""
    span_id: str = ""
    service: str = ""
    program: str = ""
    """Who wrote the line, where a log is shared by many programs (syslog)."""
    host: str = ""


Format = Callable[[str, Times, int], Parsed | None]
"""Reads a line (text, times of its stream, now in Unix nanoseconds); None when the line is not of this format."""
