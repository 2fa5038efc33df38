"""One line of text → what it says about itself: the formats, in the order in which they are tried."""

from __future__ import annotations

import datetime

from logpost.formats.iso import iso_line, named_file_line, short_year_line
from logpost.formats.parsed import Format, Parsed
from logpost.formats.times import Times

FORMATS: tuple[Format, ...] = (iso_line, named_file_line, short_year_line)


class LineParser:
    """Reads the lines of one stream; remembers the format that fitted last and tries it first."""

    __slots__ = ("_last", "_times")

    def __init__(self, zone: datetime.tzinfo) -> None:
        """`zone`: of times that name none."""
        self._times = Times(zone)
        self._last: Format | None = None

    def parse(self, text: str, now_ns: int) -> Parsed:
        """Read a line (without its line end), now in Unix nanoseconds. Any text is read; nothing is raised."""
        last = self._last
        if last is not None:
            parsed = last(text, self._times, now_ns)
            if parsed is not None:
                return parsed
        for candidate in FORMATS:
            if candidate is not last:
                parsed = candidate(text, self._times, now_ns)
                if parsed is not None:
                    self._last = candidate
                    return parsed
        return Parsed(message=text)
