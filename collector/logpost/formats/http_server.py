"""Web servers: the access log in common and combined format (Apache, nginx and many others), Apache's error log."""

from __future__ import annotations

import re

from logpost.formats.levels import LEVEL_OF
from logpost.formats.parsed import Parsed
from logpost.formats.times import Times, day_month_name_year, month_name_day

_ACCESS = re.compile(
    r"(?:[\w.-]{1,255}(?::\d{1,5})? )?([\w.:-]{1,255}) \S{1,255} ([^\[\n]{1,255}?) "
    r"\[(\d\d/[A-Z][a-z]{2}/\d{4}):(\d\d:\d\d):(\d\d) ([+-]\d{4})\] "
    r'"(?:([A-Z]{1,20}) (\S++)(?: HTTP/[\d.]{1,5})?|(?:[^"\\]|\\.)*+)" (\d{3}) (\d{1,18}|-)'
    r'(?: "((?:[^"\\]|\\.)*+)" "((?:[^"\\]|\\.)*+)")?',
    re.ASCII,
)
# Apache 2.2 writes [error], 2.4 [core:error] and microseconds. vsftpd and others write the time without brackets.
_ERROR = re.compile(
    r"\[?[A-Z][a-z]{2} ([A-Z][a-z]{2} {1,2}\d{1,2}) (\d\d:\d\d):(\d\d)(?:\.(\d{1,9})\d*+)? (\d{4})"
    r"(?:\] \[(?:[\w-]{0,64}:)?([a-z]{2,6}\d?)\])?",
    re.ASCII,
)


def access_line(text: str, times: Times, now_ns: int) -> Parsed | None:
    match = _ACCESS.match(text)
    if match is None:
        return None
    client, user, date, minute, second, offset, method, target, status, size, referer, agent = match.groups()
    attrs: dict[str, object] = {"client": client, "status": int(status)}
    if method:
        attrs["method"] = method
        attrs["path"] = target.partition("?")[0]
    if size != "-":
        attrs["bytes"] = int(size)
    optional = {"user": user, "referer": referer, "user_agent": agent}
    attrs.update((name, value) for name, value in optional.items() if value and value != "-")
    ts_ns = times.at(day_month_name_year, date, minute, second, None, offset, now_ns)
    return Parsed(message=text, ts_ns=ts_ns, level=level_of_status(int(status)), attrs=attrs)


def level_of_status(status: int) -> str:
    if status >= 500:
        return "error"
    return "warn" if status >= 400 else "info"


def ctime_line(text: str, times: Times, now_ns: int) -> Parsed | None:
    """Lines that open with C's `ctime`, such as Apache's error log."""
    match = _ERROR.match(text)
    if match is None:
        return None
    date, minute, second, fraction, year, level = match.groups()
    ts_ns = times.at(month_name_day, f"{date} {year}", minute, second, fraction, None, now_ns)
    return Parsed(message=text, ts_ns=ts_ns, level=LEVEL_OF.get(level, "") if level else "")
