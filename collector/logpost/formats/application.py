"""Programs with a layout of their own: Android, HDFS, HealthApp, Proxifier, klog and glog, Redis, PHP and Tomcat."""

from __future__ import annotations

import re

from logpost.formats.levels import LEVEL_OF, level_behind
from logpost.formats.parsed import Parsed
from logpost.formats.times import (
    Times,
    compact_year_month_day,
    day_month_name_year,
    month_day,
    short_year_month_day,
)
from logpost.formats.zones import ZONE

_ANDROID = re.compile(r"(\d\d-\d\d) (\d\d:\d\d):(\d\d)\.(\d{3,9}) +\d{1,9} +\d{1,9} ([VDIWEFA]) ", re.ASCII)
_HDFS = re.compile(r"(\d{6}) (\d{4})(\d\d) (?=\d{1,10} [A-Z])", re.ASCII)
_HEALTH_APP = re.compile(r"(\d{8})-(\d{1,2}):(\d{1,2}):(\d{1,2}):(\d{1,3})\|", re.ASCII)
_PROXIFIER = re.compile(r"\[(\d\d\.\d\d) (\d\d:\d\d):(\d\d)\] ", re.ASCII)
_KLOG = re.compile(r"([IWEF])(\d{4}|\d{8}) (\d\d:\d\d):(\d\d)\.(\d{1,9}) +\d{1,20} [^\s:\]]{1,200}:\d{1,9}\]", re.ASCII)
_DAY_FIRST = re.compile(
    r"\[?(?:\d{1,10}:[A-Z] )?(\d\d[ /-][A-Z][a-z]{2}[ /-]\d{4})[ :](\d\d:\d\d):(\d\d)(?:[.,](\d{1,9})\d*+)?"
    rf"({ZONE})?(?: ([.*#-]) )?",
    re.ASCII,
)
_REDIS_LEVEL = {".": "debug", "-": "debug", "*": "info", "#": "warn"}


def android_line(text: str, times: Times, now_ns: int) -> Parsed | None:
    match = _ANDROID.match(text)
    if match is None:
        return None
    date, minute, second, fraction, letter = match.groups()
    ts_ns = times.at(month_day, date, minute, second, fraction, None, now_ns)
    level = "fatal" if letter == "A" else LEVEL_OF[letter]  # A: assert
    return Parsed(message=text, ts_ns=ts_ns, level=level)


def hdfs_line(text: str, times: Times, now_ns: int) -> Parsed | None:
    match = _HDFS.match(text)
    if match is None:
        return None
    date, minute, second = match.groups()
    ts_ns = times.at(short_year_month_day, date, minute, second, None, None, now_ns)
    return Parsed(message=text, ts_ns=ts_ns, level=level_behind(text, match.end() - 1))


def health_app_line(text: str, times: Times, now_ns: int) -> Parsed | None:
    """Hours, minutes, seconds and milliseconds have no leading zeros: `20171224-1:1:0:935|`."""
    match = _HEALTH_APP.match(text)
    if match is None:
        return None
    date, hour, minute, second, milliseconds = match.groups()
    clock = f"{hour:0>2}:{minute:0>2}"
    ts_ns = times.at(compact_year_month_day, date, clock, second, f"{milliseconds:0>3}", None, now_ns)
    return Parsed(message=text, ts_ns=ts_ns)


def proxifier_line(text: str, times: Times, now_ns: int) -> Parsed | None:
    match = _PROXIFIER.match(text)
    if match is None:
        return None
    date, minute, second = match.groups()
    return Parsed(message=text, ts_ns=times.at(month_day, date, minute, second, None, None, now_ns))


def klog_line(text: str, times: Times, now_ns: int) -> Parsed | None:
    """Kubernetes' klog and Google's glog, whose newer versions write the year."""
    match = _KLOG.match(text)
    if match is None:
        return None
    letter, date, minute, second, fraction = match.groups()
    calendar = month_day if len(date) == 4 else compact_year_month_day
    ts_ns = times.at(calendar, date, minute, second, fraction, None, now_ns)
    return Parsed(message=text, ts_ns=ts_ns, level=LEVEL_OF[letter])


def day_first_line(text: str, times: Times, now_ns: int) -> Parsed | None:
    """`22-Nov-2026 10:51:07.123 INFO …` (Tomcat), `[22-Nov-2026 10:51:07 UTC] …` (PHP), and Redis, whose level is a
    sign behind the time: `123:M 22 Nov 2026 10:51:07.123 * …`."""
    match = _DAY_FIRST.match(text)
    if match is None:
        return None
    date, minute, second, fraction, offset, sign = match.groups()
    ts_ns = times.at(day_month_name_year, date, minute, second, fraction, offset, now_ns)
    redis = sign is not None and text[0] != "[" and ":" in text[:11]
    return Parsed(message=text, ts_ns=ts_ns, level=_REDIS_LEVEL[sign] if redis else level_behind(text, match.end()))
