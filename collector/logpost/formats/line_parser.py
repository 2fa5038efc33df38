"""One line of text → what it says about itself: the formats, and the order in which they are tried."""

from __future__ import annotations

import datetime
from string import ascii_letters, ascii_uppercase, digits

from logpost.formats.application import (
    android_line,
    day_first_line,
    hdfs_line,
    health_app_line,
    klog_line,
    proxifier_line,
)
from logpost.formats.colours import may_have_colours, without_colours
from logpost.formats.http_server import access_line, ctime_line
from logpost.formats.iso import iso_line, named_file_line, short_year_line
from logpost.formats.json_lines import json_line
from logpost.formats.level_first import level_first_line, ruby_line, time_of_day_line
from logpost.formats.logfmt import logfmt_line
from logpost.formats.parsed import Format, Parsed
from logpost.formats.supercomputer import bgl_line, hpc_line, thunderbird_line
from logpost.formats.syslog import priority_line, rfc3164_line, rfc5424_line
from logpost.formats.times import Times

FORMATS: tuple[tuple[Format, str], ...] = (
    (iso_line, "[" + digits),
    (json_line, "{ \t"),
    (rfc3164_line, ascii_uppercase),
    (priority_line, "<"),
    (access_line, ascii_letters + digits + ":-"),
    (ctime_line, "[" + ascii_uppercase),
    (short_year_line, digits),
    (android_line, digits),
    (hdfs_line, digits),
    (health_app_line, digits),
    (proxifier_line, "["),
    (klog_line, "IWEF"),
    (day_first_line, "[" + digits),
    (rfc5424_line, "1"),
    (logfmt_line, ascii_letters + "_@"),
    (named_file_line, ascii_letters),
    (ruby_line, "DIWEFA"),
    (level_first_line, "[" + ascii_letters),
    (time_of_day_line, "[" + digits),
    (bgl_line, "-" + ascii_uppercase),
    (thunderbird_line, "-" + ascii_uppercase),
    (hpc_line, digits),
)
"""Each format with the characters that its lines can open with. No line is of two formats: so the order is one of
speed, and what a stream had before does not change how a line is read."""

_BY_FIRST = {
    first: tuple(candidate for candidate, opens in FORMATS if first in opens)
    for first in {character for _, opens in FORMATS for character in opens}
}
_BYTE_ORDER_MARK = "\ufeff"
_FAILURES = (ArithmeticError, LookupError, RecursionError, TypeError, ValueError)
"""None is known. But one that ended the agent would do so again at each start, at the same line."""


class LineParser:
    """Reads the lines of one stream; remembers the format that fitted last and tries it first."""

    __slots__ = ("_last", "_times")

    def __init__(self, zone: datetime.tzinfo) -> None:
        """`zone`: of times that name none."""
        self._times = Times(zone)
        self._last: Format | None = None

    def parse(self, text: str, now_ns: int) -> Parsed:
        """Read a line (without its line end), now in Unix nanoseconds. Nothing is raised: a line that a format fails on
        keeps its text, and says so."""
        try:
            if may_have_colours(text) or text[:1] == _BYTE_ORDER_MARK:
                return self._parse_coloured(text, now_ns)
            return self._parse(text, now_ns)
        except _FAILURES as error:
            return Parsed(text, attrs={"not_parsed": type(error).__name__})

    def _parse_coloured(self, text: str, now_ns: int) -> Parsed:
        plain = without_colours(text.removeprefix(_BYTE_ORDER_MARK))
        parsed = self._parse(plain, now_ns)
        if parsed.message == plain:
            parsed.message = text  # as it was logged
        return parsed

    def _parse(self, text: str, now_ns: int) -> Parsed:
        last = self._last
        if last is not None:
            parsed = last(text, self._times, now_ns)
            if parsed is not None:
                return parsed
        for candidate in _BY_FIRST.get(text[:1], ()):
            if candidate is not last:
                parsed = candidate(text, self._times, now_ns)
                if parsed is not None:
                    self._last = candidate
                    return parsed
        return Parsed(message=text)
