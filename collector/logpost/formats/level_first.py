"""Lines that open with a level (`WARNING:root:…`, `[INFO] …`), or with a time of day (`10:51:07.123 [main] INFO …`)."""

from __future__ import annotations

import re

from logpost.formats.levels import LEVEL_OF, level_behind, level_in_front
from logpost.formats.parsed import Parsed
from logpost.formats.times import ISO_TIME, Times, year_month_day

_TIME_BEHIND = re.compile(r"\[?[A-Za-z]{1,9}\]?[\s:|\[,-]{1,12}" + ISO_TIME, re.ASCII)
# Ruby's Logger: `I, [2026-11-22T10:51:07.123456 #123]  INFO -- : …`
_RUBY = re.compile(r"([DIWEFA]), \[" + ISO_TIME, re.ASCII)
_TIME_OF_DAY = re.compile(r"\[?(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:[.,]\d{1,9})?(?!\d)", re.ASCII)


def level_first_line(text: str, times: Times, now_ns: int) -> Parsed | None:
    """The level, then perhaps a time. (Python's default, uvicorn, Maven, Django.)"""
    level = level_in_front(text)
    if not level:
        return None
    match = _TIME_BEHIND.match(text)
    return Parsed(message=text, ts_ns=_time(match.groups(), times, now_ns) if match else None, level=level)


def ruby_line(text: str, times: Times, now_ns: int) -> Parsed | None:
    match = _RUBY.match(text)
    if match is None:
        return None
    letter, *time = match.groups()
    level = "" if letter == "A" else LEVEL_OF[letter]  # A: any, Ruby's "unknown"
    return Parsed(message=text, ts_ns=_time(tuple(time), times, now_ns), level=level)


def _time(groups: tuple[str | None, ...], times: Times, now_ns: int) -> int | None:
    date, minute, second, fraction, offset = groups
    assert date and minute and second
    return times.at(year_month_day, date, minute, second, fraction, offset, now_ns)


def time_of_day_line(text: str, times: Times, now_ns: int) -> Parsed | None:
    """A time without a date says too little: only the level behind it is read. (logback's default.)"""
    match = _TIME_OF_DAY.match(text)
    level = level_behind(text, match.end()) if match else ""
    return Parsed(message=text, level=level) if level else None
