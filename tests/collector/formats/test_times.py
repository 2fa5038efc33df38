"""Times without zone or year, the calendar's corners, and numbers that are Unix times."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logpost.formats.times import DAY_NS, HOUR_NS, Times, epoch_text, epoch_time, iso_time, month_day
from tests.collector.formats.lines import NOW_NS, time_of


def ns_at(text: str) -> int:
    return int(datetime.datetime.fromisoformat(text).timestamp()) * 10**9


def test_a_time_without_a_zone_is_in_the_zone_of_the_stream() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert time_of("2026-11-22 10:51:07 x", zone=berlin) == "2026-11-22T09:51:07Z"
    assert time_of("2026-07-22 10:51:07 x", zone=berlin) == "2026-07-22T08:51:07Z"
    assert time_of("2026-07-22 10:51:07Z x", zone=berlin) == "2026-07-22T10:51:07Z"
    assert time_of("2026-07-22 10:51:07 CEST [1] LOG:  x", zone=berlin) == "2026-07-22T08:51:07Z"


def test_the_clock_change_is_followed_within_one_stream() -> None:
    times = Times(ZoneInfo("Europe/Berlin"))
    before = iso_time("2026-03-29 01:59:59", times, NOW_NS)
    after = iso_time("2026-03-29 03:00:00", times, NOW_NS)
    assert before is not None
    assert after == before + 10**9


@pytest.mark.parametrize(
    ("now", "date", "expected"),
    [
        ("2027-01-01T00:10:00Z", "12-31", "2026-12-31"),
        ("2026-12-31T23:50:00Z", "01-01", "2027-01-01"),  # a clock that is ahead
        ("2026-11-23T02:00:00Z", "11-23", "2026-11-23"),
        ("2026-11-23T02:00:00Z", "11-24", "2026-11-24"),
        ("2026-11-23T02:00:00Z", "11-25", "2025-11-25"),
        ("2026-11-23T02:00:00Z", "02-29", "2024-02-29"),
        ("2028-03-01T02:00:00Z", "02-29", "2028-02-29"),
        ("2103-03-01T02:00:00Z", "02-29", "2096-02-29"),  # 2100 has none
    ],
)
def test_a_date_without_a_year_is_the_latest_that_can_have_been(now: str, date: str, expected: str) -> None:
    line = f"{date} 01:02:03.000  1  2 I Tag: x"
    assert time_of(line, now_ns=ns_at(now)) == f"{expected}T01:02:03Z"


@given(
    now_ns=st.integers(ns_at("1990-01-01T00:00:00Z"), ns_at("2090-01-01T00:00:00Z")),
    back_ns=st.integers(0, 360 * DAY_NS),
)
def test_a_year_left_out_is_found_again(now_ns: int, back_ns: int) -> None:
    then = datetime.datetime.fromtimestamp((now_ns - back_ns) // 10**9, datetime.UTC)
    ns = Times(datetime.UTC).at(month_day, f"{then:%m-%d}", f"{then:%H:%M}", f"{then:%S}", None, None, now_ns)
    assert ns == int(then.timestamp()) * 10**9


def test_the_remembered_minute_does_not_outlive_the_year_that_now_gave_it() -> None:
    times = Times(datetime.UTC)
    first = times.at(month_day, "11-24", "10:00", "00", None, None, ns_at("2026-11-23T02:00:00Z"))
    second = times.at(month_day, "11-24", "10:00", "00", None, None, ns_at("2026-11-23T02:00:00Z") + 9 * HOUR_NS)
    assert first == ns_at("2025-11-24T10:00:00Z")
    assert second == ns_at("2026-11-24T10:00:00Z")


@pytest.mark.parametrize(
    ("date", "expected"), [("690101", "1969"), ("991231", "1999"), ("000229", "2000"), ("680101", "2068")]
)
def test_two_digits_are_a_year_as_posix_has_it(date: str, expected: str) -> None:
    assert (time_of(f"{date} 203615 148 INFO dfs") or "")[:4] == expected


def test_a_leap_second_is_the_second_after() -> None:
    assert time_of("2016-12-31T23:59:60Z x") == "2017-01-01T00:00:00Z"


@pytest.mark.parametrize("scale", [1, 10**3, 10**6, 10**9])
def test_a_number_tells_its_unit_by_its_size(scale: int) -> None:
    assert epoch_time(1795344667 * scale) == 1795344667 * 10**9
    assert epoch_text(str(1795344667 * scale)) == 1795344667 * 10**9


def test_seconds_with_a_fraction_keep_their_microseconds() -> None:
    assert epoch_time(1795344667.123456) == 1795344667_123456_000
    assert epoch_time(1795344667123.5) == 1795344667_123500_000
    assert epoch_text("1795344667.123456789") == 1795344667_123456789


@pytest.mark.parametrize("number", [0, -1, 200, 99_999_999, 1e20, float("inf"), float("nan"), 10**30])
def test_a_number_that_is_too_small_or_too_large_is_no_time(number: float) -> None:
    assert epoch_time(number) is None


@pytest.mark.parametrize("digits", ["20261128102030", "20261128102030123", "9999999999"])
def test_a_date_in_digits_is_no_unix_time(digits: str) -> None:
    """`yyyyMMddHHmmss` would be milliseconds of the year 2612."""
    assert epoch_time(int(digits)) is None
    assert epoch_text(digits) is None
    assert time_of(f'{{"time":"{digits}","msg":"x"}}') is None
    assert time_of(f'{{"time":{digits},"msg":"x"}}') is None


@pytest.mark.parametrize(("date", "year"), [("26/11/20", "2026"), ("17/06/09", "2017"), ("28/11/26", None)])
def test_a_short_year_in_the_future_is_none(date: str, year: str | None) -> None:
    """Spark writes the year first, others the day."""
    found = time_of(f"{date} 10:20:30 INFO x")
    assert (found and found[:4]) == year


@given(st.integers() | st.floats())
def test_any_number_is_a_time_that_a_record_can_write_or_none(number: float) -> None:
    ns = epoch_time(number)
    assert ns is None or 10**17 <= ns < 253_402_300_800 * 10**9


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("2026-11-28 11:20:30.123 CET [1234] LOG:  x", "10:20:30.123"),
        ("2026-11-28 02:20:30 PST ERROR x", "10:20:30"),
        ("2026-11-28 07:20:30.123 -03 [1234] LOG:  x", "10:20:30.123"),
        ("2026-11-28 07:20:30-03 x", "10:20:30"),
        ("2026-11-28T07:20:30-0300 x", "10:20:30"),
        ("2026-11-28 15:50:30 +0530 x", "10:20:30"),
        ("2026-11-28 12:20:30 UTC+2 x", "10:20:30"),
        ("2026-11-28 12:20:30 GMT+02:00 x", "10:20:30"),
        ("2026-11-28 10:20:30 UTC:203.0.113.7(51234):ada@shop:[1234]:ERROR:  x", "10:20:30"),
        ("2026-11-28 13:20:30 EAT [1234] LOG:  x", "10:20:30"),
        ("[28-Nov-2026 11:20:30 Europe/Berlin] PHP Warning:  x", "10:20:30"),
        ("[28-Nov-2026 07:20:30 America/Argentina/Ushuaia] PHP Warning:  x", "10:20:30"),
        ("28-Nov-2026 11:20:30 CET x", "10:20:30"),
        ('{"time":"2026-11-28 11:20:30 CET","msg":"x"}', "10:20:30"),
        ("2026-11-28T11:20:30.123CET x", "10:20:30.123"),
        ("2026-11-28T11:20:30[Europe/Berlin] x", "10:20:30"),
        ("2026-11-28T12:20:30+02:00[Europe/Helsinki] x", "10:20:30"),
        ("2026-11-28 07:20:30-3 x", "10:20:30"),
        ("2026-11-28T07:20:30\N{MINUS SIGN}03:00 x", "10:20:30"),
        ("2026-11-28T10:20:30z x", "10:20:30"),
        ("Nov 28 2026 05:20:30 EST web-1 app[1]: x", "10:20:30"),
        ("Nov 28 2026 11:20:30.123 CET: %SYS-5-CONFIG: x", "10:20:30.123"),
        ("Nov 28 2026 10:20:30 ESTATE app: x", "10:20:30"),
        ("2026-11-28 10:20:30 AM x", "10:20:30"),
        ("2026-11-28 01:20:30 PM +03:00 x", "10:20:30"),
        ("28/Nov/2026 03:50:30 PM +0530 x", "10:20:30"),
        ("2026-11-28 13:20:30 PM GMT+3 x", "10:20:30"),
        ("2026-11-28 10:20:30 PMD x", "10:20:30"),
        ("2026-11-28 02:20:30 (PST) ERROR x", "10:20:30"),
        ("2026-11-28 11:20:30.5 [CET] ERROR x", "10:20:30.5"),
        ("2026-11-28 10:20:30 [IST] ERROR x", "10:20:30"),
        ("2026-11-28 10:20:30 [CAT] ERROR x", "10:20:30"),
        ("2026-11-28 11:20:30 gmt+1 x", "10:20:30"),
        ("[28-Nov-2026 02:20:30 US/Pacific] PHP Warning:  x", "10:20:30"),
        ("[28-Nov-2026 05:20:30 Etc/GMT+5] PHP Warning:  x", "10:20:30"),
        ("Nov 28 2026 02:20:30 -0800 web-1 app[1]: x", "10:20:30"),
        ("Nov 28 2026 11:20:30 +01:00 web-1 app[1]: x", "10:20:30"),
        ("2026-11-28 10:20:30pm UTC+12 x", "10:20:30"),
        ("2026-11-28 01:20:30 p.m. +03:00 x", "10:20:30"),
        ("2026-11-28 12:20:30 a. m. -10:00 x", "10:20:30"),
        ("2026-11-28 10:20:30 p. 12 of the book", "10:20:30"),
        ("2026-11-28 10:20:30amend x", "10:20:30"),
        ("2026-11-28 10:20:30 POST /x", "10:20:30"),
        ("2026-11-28 10:20:30 TEST x", "10:20:30"),
        ("2026-11-28 10:20:30 CAT has eaten", "10:20:30"),
        ("2026-11-28 10:20:30 -12.5 degrees", "10:20:30"),
    ],
)
def test_a_zone_is_read_right(written: str, utc: str) -> None:
    assert time_of(written) == f"2026-11-28T{utc}Z"


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-28 10:20:30 CST x",
        "2026-11-28 10:20:30 IST [1] LOG:  x",
        "[28-Nov-2026 10:20:30 Europe/Nowhere] x",
        '{"time":"2026-11-28T10:20:30 BST","msg":"x"}',
        "2026-11-28 10:20:30 UTC+99 x",
        "Nov 28 10:20:30 IST web-1 app: x",
    ],
)
def test_a_zone_with_several_meanings_or_none_leaves_the_time_unread(written: str) -> None:
    assert time_of(written) is None


def test_a_z_behind_a_blank_is_a_zone() -> None:
    assert time_of("2026-11-28 10:20:30 Z ERROR x", zone=ZoneInfo("Europe/Berlin")) == "2026-11-28T10:20:30Z"


@pytest.mark.parametrize(
    ("hour", "read"), [("12:20:30 AM", "00:20:30"), ("12:20:30 pm", "12:20:30"), ("01:20:30PM", "13:20:30")]
)
def test_halves_of_the_day_begin_with_twelve(hour: str, read: str) -> None:
    assert time_of(f"2026-11-28 {hour} x") == f"2026-11-28T{read}Z"


def test_names_of_the_streams_own_zone_count_first() -> None:
    assert time_of("2026-11-28 10:20:30 CST x", zone=ZoneInfo("Asia/Shanghai")) == "2026-11-28T02:20:30Z"
    assert time_of("2026-11-28 10:20:30 CST x", zone=ZoneInfo("America/Chicago")) == "2026-11-28T16:20:30Z"
    assert time_of("2026-11-28 10:20:30 CDT x", zone=ZoneInfo("America/Chicago")) is None
    assert time_of("2026-11-28 10:20:30 IST x", zone=ZoneInfo("Asia/Kolkata")) == "2026-11-28T04:50:30Z"
    # The hour that comes twice.
    berlin = ZoneInfo("Europe/Berlin")
    assert time_of("2026-10-25 02:30:00 CEST x", zone=berlin) == "2026-10-25T00:30:00Z"
    assert time_of("2026-10-25 02:30:00 CET x", zone=berlin) == "2026-10-25T01:30:00Z"
