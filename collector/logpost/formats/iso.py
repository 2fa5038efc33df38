"""Lines that open with a full date and time, and may name a level behind it.

RFC 3339 and ISO 8601 with all their relatives (blank or T, comma or dot, offset or none, in brackets), so also
Python's, log4j's, logback's and loguru's usual patterns, PostgreSQL, MySQL, nginx's error log, Hadoop, Zookeeper,
Windows CBS, OpenStack, rsyslog's file format, and logpost's own lines. Spark writes a short year.
"""

from __future__ import annotations

import re

from logpost.formats.levels import level_behind
from logpost.formats.parsed import Parsed
from logpost.formats.times import DAY_NS, ISO_TIME, Times, short_year_month_day, year_month_day

_ISO_LINE = re.compile(r"\[?" + ISO_TIME, re.ASCII)
# Behind the name of a file (`nova-api.log.1.2017-05-16_13:53:08 2017-05-16 00:00:00.008`), as grep and collectors put
# it, or behind the program in Debian's alternatives.log.
_NAMED_FILE_LINE = re.compile(r"(?:[\w.-]{1,120}\.log[\w.:-]{0,80}|update-alternatives) " + ISO_TIME, re.ASCII)
_SHORT_YEAR_LINE = re.compile(r"(\d\d/\d\d/\d\d) (\d\d:\d\d):(\d\d)(?:[.,](\d{1,9})\d*+)?", re.ASCII)
# rsyslog's RSYSLOG_FileFormat. The pid tells it from a message that has a colon in it.
_RSYSLOG = re.compile(r" ([\w.-]{1,255}) (?:([\w./@-]{1,128})(?:\([^)]{0,64}\))?\[\d{1,10}\]|(kernel)):", re.ASCII)


def iso_line(text: str, times: Times, now_ns: int) -> Parsed | None:
    match = _ISO_LINE.match(text)
    return _read(match, text, times, now_ns) if match else None


def named_file_line(text: str, times: Times, now_ns: int) -> Parsed | None:
    match = _NAMED_FILE_LINE.match(text)
    return _read(match, text, times, now_ns) if match else None


def _read(match: re.Match[str], text: str, times: Times, now_ns: int) -> Parsed:
    date, minute, second, fraction, offset = match.groups()
    parsed = Parsed(
        message=text,
        ts_ns=times.at(year_month_day, date, minute, second, fraction, offset, now_ns),
        level=level_behind(text, match.end()),
    )
    if not parsed.level and offset is not None and text[10] == "T":
        sender = _RSYSLOG.match(text, match.end())
        if sender:
            parsed.host, parsed.program = sender[1], sender[2] or sender[3]
    return parsed


def short_year_line(text: str, times: Times, now_ns: int) -> Parsed | None:
    match = _SHORT_YEAR_LINE.match(text)
    if match is None:
        return None
    date, minute, second, fraction = match.groups()
    ts_ns = times.at(short_year_month_day, date, minute, second, fraction, None, now_ns)
    if ts_ns is not None and ts_ns > now_ns + DAY_NS:
        ts_ns = None  # others write the day first, or the month
    return Parsed(message=text, ts_ns=ts_ns, level=level_behind(text, match.end()))
