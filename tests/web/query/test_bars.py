"""Which bars are drawn: on the days of a zone, also when its clock is changed."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logpost_web.query.bars import DAY, HOUR, MINUTE, SECOND, STEPS, Bars, bar_start, choose_bars

START_NS = 1_763_895_067_123_456_789
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Havana",
         "America/Sao_Paulo", "Pacific/Apia", "UTC")  # fmt: skip


@pytest.mark.parametrize(
    ("span", "buckets", "interval"),
    [
        (HOUR, 60, MINUTE),
        (HOUR, 59, 2 * MINUTE),
        (DAY, 60, 30 * MINUTE),
        (15 * MINUTE, 60, 15 * SECOND),
        (30 * DAY, 60, 12 * HOUR),
        (20 * 365 * DAY, 60, 365 * DAY),
        (1, 60, STEPS[0]),
        (0, 60, STEPS[0]),
    ],
)
def test_the_narrowest_easy_step_that_needs_no_more_bars(span: int, buckets: int, interval: int) -> None:
    bars = choose_bars(START_NS, START_NS + span, buckets)
    assert bars.interval_ns == interval
    assert 1 <= len(bars.starts_ns) <= buckets + 1
    assert bars.are_even


@pytest.mark.parametrize("span", [1, 999, SECOND, 61 * SECOND, HOUR, 36 * HOUR, 400 * DAY])
def test_bars_stand_on_borders_and_cover_the_span(span: int) -> None:
    bars = choose_bars(START_NS, START_NS + span, 60)
    first, last = bars.starts_ns[0], bars.starts_ns[-1]
    assert first <= START_NS < first + bars.interval_ns
    assert last < START_NS + span <= last + bars.interval_ns


def test_a_span_before_1970() -> None:
    bars = choose_bars(-90 * SECOND, 0, 60)
    assert bars == Bars(starts_ns=tuple(range(-90 * SECOND, 0, 2 * SECOND)), interval_ns=2 * SECOND)


def test_weeks_begin_on_mondays() -> None:
    monday = datetime.datetime(2026, 11, 23, tzinfo=ZoneInfo("Europe/Berlin"))
    assert bar_start(ns(monday) + 3 * DAY, 7 * DAY, ZoneInfo("Europe/Berlin")) == ns(monday)


def ns(moment: datetime.datetime) -> int:
    return int(moment.timestamp()) * SECOND


def borders(start: datetime.datetime, end: datetime.datetime, zone: ZoneInfo, step: int) -> Iterator[int]:
    """The reference: walk minute by minute, and look where the wall clock shows another bar."""
    shown = None
    moment = start
    while moment < end:
        local = moment.astimezone(zone)
        if step == DAY:
            bar: object = local.date()
        elif step > HOUR:
            bar = (local.date(), local.hour // (step // HOUR))
        else:
            minute = (local.hour * 60 + local.minute) // (step // MINUTE) * (step // MINUTE)
            bar = (local.date(), minute, local.fold and is_twice(local.replace(hour=minute // 60, minute=minute % 60)))
        if bar != shown:
            yield ns(moment)
        shown = bar
        moment += datetime.timedelta(minutes=1)


def is_twice(local: datetime.datetime) -> bool:
    """Whether the clock shows this time twice."""
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


# Days around which clocks are changed: forward, back, by half an hour, at midnight, and over a whole day.
CHANGES = (
    ("Europe/Berlin", "2026-03-29"), ("Europe/Berlin", "2026-10-25"), ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"), ("Australia/Lord_Howe", "2024-04-07"), ("Australia/Lord_Howe", "2024-10-06"),
    ("America/Havana", "2026-11-01"), ("America/Sao_Paulo", "2018-11-04"), ("Pacific/Apia", "2011-12-30"),
    ("Asia/Kolkata", "2026-01-01"), ("Asia/Kathmandu", "2026-01-01"), ("UTC", "2026-01-01"),
)  # fmt: skip


@pytest.mark.parametrize("step", [15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY])
@pytest.mark.parametrize(("name", "day"), CHANGES)
def test_bars_lie_on_the_hours_and_days_of_a_zone(name: str, day: str, step: int) -> None:
    zone = ZoneInfo(name)
    middle = datetime.datetime.fromisoformat(day + "T00:00:00+00:00")
    start, end = middle - datetime.timedelta(days=1, hours=5), middle + datetime.timedelta(days=2)
    expected = list(borders(start - datetime.timedelta(days=2), end, zone, step))
    expected = [border for number, border in enumerate(expected) if (*expected, ns(end))[number + 1] > ns(start)]
    bars = choose_bars(ns(start), ns(end), -(-(ns(end) - ns(start)) // step), zone)
    assert bars.interval_ns == step
    assert list(bars.starts_ns) == expected


@settings(max_examples=300)
@given(st.integers(1_300_000_000, 2_000_000_000), st.sampled_from(STEPS), st.sampled_from(ZONES), st.integers(1, 400))
def test_bars_ascend_and_cover_the_span(second: int, step: int, name: str, count: int) -> None:
    start = second * SECOND + 123_456_789
    bars = choose_bars(start, start + count * step, 400, ZoneInfo(name))
    assert bars.starts_ns[0] <= start
    assert bars.starts_ns[-1] < start + count * step
    assert all(before < after for before, after in pairwise(bars.starts_ns))
    for moment in (start, start + count * step - 1):
        assert bar_start(moment, bars.interval_ns, ZoneInfo(name)) in bars.starts_ns
