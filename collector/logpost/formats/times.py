"""Civil times as logs write them → Unix nanoseconds.

Lines of one stream are nearly always in the same minute as the line before, so the minute is remembered and only
seconds and fraction are computed for each line. No clock is read here: now is an argument.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable

from logpost.formats.zones import ZONE, half_and_zone, zone_of

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS
EARLIEST_NS = -62_135_596_800 * SECOND_NS
"""0001-01-01T00:00:00Z: RFC 3339 writes the years 1 to 9999."""
LATEST_NS = 253_402_300_800 * SECOND_NS - 1
_LATEST_EPOCH_NS = 7_258_118_400 * SECOND_NS
"""The year 2200. `20261128102030` is no Unix time of the year 2612."""

MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), start=1
    )
}
_SCALE = tuple(10 ** (9 - digits) for digits in range(10))
_LEAP_YEARS_APART = 8
"""1896 → 1904 is the longest wait for a February 29th."""

Calendar = Callable[[str], tuple[int | None, int, int]]
"""Reads a date as (year, month, day), year None when the date has none. Raises ValueError or KeyError."""


def year_month_day(date: str) -> tuple[int, int, int]:
    """`2026-11-22`, `2026/11/22`."""
    return int(date[:4]), int(date[5:7]), int(date[8:10])


def compact_year_month_day(date: str) -> tuple[int, int, int]:
    """`20261122`."""
    return int(date[:4]), int(date[4:6]), int(date[6:8])


def short_year_month_day(date: str) -> tuple[int, int, int]:
    """`261122`, `26/11/22`. Years 69 to 99 are of the 20th century, as POSIX has it."""
    year = int(date[:2])
    return year + (1900 if year >= 69 else 2000), int(date[-5:-3] if len(date) == 8 else date[2:4]), int(date[-2:])


def day_month_name_year(date: str) -> tuple[int, int, int]:
    """`22/Nov/2026`, `22 Nov 2026`."""
    return int(date[7:11]), MONTHS[date[3:6]], int(date[:2])


def month_name_day(date: str) -> tuple[int | None, int, int]:
    """`Nov 22`, `Nov  2`, `Nov 2`, `Nov 22 2026`."""
    month, day, *year = date.split()
    return int(year[0]) if year else None, MONTHS[month], int(day)


def month_day(date: str) -> tuple[None, int, int]:
    """`11-22`, `11.22`, `1122`."""
    return None, int(date[:2]), int(date[-2:])


class Times:
    """The times of one stream. A time that names no zone is in `zone`."""

    __slots__ = ("_key", "_minute_ns", "_zone")

    def __init__(self, zone: datetime.tzinfo) -> None:
        self._zone = zone
        self._key: tuple[Calendar, str, str, str | None, int] | None = None
        self._minute_ns: int | None = None

    def at(
        self,
        calendar: Calendar,
        date: str,
        minute: str,
        second: str,
        fraction: str | None,
        offset: str | None,
        now_ns: int,
    ) -> int | None:
        """Unix nanoseconds of a civil time, None for one that is not in the calendar.

        `minute` is `10:51` or `1051`, `fraction` at most nine digits. `offset` is what names a zone (see
        zones.py). None, too, for a time whose zone has several meanings: a guess would be hours wrong.
        A date without a year gets the latest one that does not lie more than a day after now.
        """
        key = (calendar, date, minute, offset, now_ns // HOUR_NS)
        if key != self._key:
            self._minute_ns = self._resolve(calendar, date, minute, offset, now_ns)
            self._key = key
        seconds = int(second)
        if self._minute_ns is None or seconds > 60:  # 60: a leap second
            return None
        ns = self._minute_ns + seconds * SECOND_NS
        if fraction:
            ns += int(fraction) * _SCALE[len(fraction)]
        return ns if ns <= LATEST_NS else None

    def _resolve(self, calendar: Calendar, date: str, minute: str, offset: str | None, now_ns: int) -> int | None:
        try:
            year, month, day = calendar(date)
            half, zone = half_and_zone(offset or "")
            hours, minutes = _hour_of_day(int(minute[:2]), half), int(minute[-2:])
            if year is None:
                return self._latest(month, day, hours, minutes, zone, now_ns)
            return self._minute(year, month, day, hours, minutes, zone)
        except (ValueError, KeyError, OverflowError):
            return None

    def _minute(self, year: int, month: int, day: int, hours: int, minutes: int, zone: str) -> int | None:
        local = datetime.datetime(year, month, day, hours, minutes, tzinfo=self._zone)
        named = zone_of(zone, local) if zone else self._zone
        if named is None:
            return None
        ns = int(local.replace(tzinfo=named).timestamp()) * SECOND_NS
        return ns if EARLIEST_NS <= ns <= LATEST_NS else None

    def _latest(self, month: int, day: int, hours: int, minutes: int, zone: str, now_ns: int) -> int | None:
        limit_ns = now_ns // HOUR_NS * HOUR_NS + DAY_NS
        this_year = datetime.datetime.fromtimestamp(limit_ns // SECOND_NS, self._zone).year
        datetime.datetime(2000, month, day, hours, minutes)  # noqa: DTZ001 - raises ValueError in every year
        for year in range(this_year, max(this_year - _LEAP_YEARS_APART, 1) - 1, -1):
            try:
                ns = self._minute(year, month, day, hours, minutes, zone)
            except ValueError:  # February 29th
                continue
            if ns is not None and ns <= limit_ns:
                return ns
        return None


def _hour_of_day(hours: int, half: str) -> int:
    """`half`: AM or PM, which says nothing more of an hour that is written as one of 24."""
    return hours if not half or hours > 12 else hours % 12 + (12 if half == "PM" else 0)


ISO_TIME = (
    r"(\d{4}[-/]\d\d[-/]\d\d)[Tt _]([ \d]\d:\d\d):(\d\d)(?:[.,](\d{1,9})\d*+)?"
    rf"({ZONE})?"
)
"""RFC 3339 and its many relatives: date, minute, second, fraction, offset. (MariaDB writes a blank for a zero.)"""
_ISO = re.compile(ISO_TIME, re.ASCII)
_EPOCH = re.compile(r"(\d{9,10})(?:\.(\d{1,9})\d*+)?|\d{12,19}", re.ASCII)


def iso_time(text: str, times: Times, now_ns: int) -> int | None:
    """A text that is an RFC 3339 time or a relative of it, and nothing else."""
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    date, minute, second, fraction, offset = match.groups()
    return times.at(year_month_day, date, minute, second, fraction, offset, now_ns)


_NAMED_MONTH = re.compile(
    r"(?:[A-Z][a-z]{2},? )?(?:(\d{1,2}[/ -][A-Z][a-z]{2}[/ -]\d{4})|([A-Z][a-z]{2} {1,2}\d{1,2}))[: ]"
    rf"(\d\d:\d\d):(\d\d)(?:[.,](\d{{1,9}})\d*+)?({ZONE})?( \d{{4}})?",
    re.ASCII,
)


def named_month_time(text: str, times: Times, now_ns: int) -> int | None:
    """A text that is a time as RFC 3164, RFC 5322, web servers or C's `ctime` write it, and nothing else."""
    match = _NAMED_MONTH.fullmatch(text)
    if match is None:
        return None
    day_first, month_first, minute, second, fraction, offset, year = match.groups()
    if day_first:
        return times.at(day_month_name_year, day_first.rjust(11, "0"), minute, second, fraction, offset, now_ns)
    return times.at(month_name_day, month_first + (year or ""), minute, second, fraction, offset, now_ns)


def epoch_time(number: float) -> int | None:
    """Unix seconds, milliseconds, microseconds or nanoseconds, told apart by their size; None for what is no time.

    Times count from March 1973 (1e8) to the year 2200, in each unit, so a duration, a counter or a date in digits is
    seldom taken for one.
    """
    scale = SECOND_NS
    limit = 1e11
    if not 1e8 <= number < 1e20:
        return None
    while number >= limit:
        limit *= 1000
        scale //= 1000
    if isinstance(number, int):
        ns = number * scale
    else:
        # A double holds the seconds of today to a quarter of a microsecond.
        ns = round(number * (scale // 1000 or 1)) * (1000 if scale >= 1000 else 1)
    return ns if ns < _LATEST_EPOCH_NS else None


def epoch_text(text: str) -> int | None:
    """`1700000000`, `1700000000.123456789`, `1700000000123`: Unix time written as text."""
    match = _EPOCH.fullmatch(text)
    if match is None:
        return None
    seconds, fraction = match.groups()
    if seconds is None:
        return epoch_time(int(text))
    whole = epoch_time(int(seconds))
    return None if whole is None else whole + (int(fraction) * _SCALE[len(fraction)] if fraction else 0)
