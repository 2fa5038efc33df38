"""Which bars are drawn, and the zeros between them."""

from __future__ import annotations

import pytest

from logpost_web.search.histogram import DAY, HOUR, MINUTE, SECOND, STEPS, Bars, Bucket, choose_bars, fill

START_NS = 1_763_895_067_123_456_789


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
    assert 1 <= bars.count <= buckets + 1


@pytest.mark.parametrize("span", [1, 999, SECOND, 61 * SECOND, HOUR, 36 * HOUR, 400 * DAY])
def test_bars_stand_on_borders_and_cover_the_span(span: int) -> None:
    bars = choose_bars(START_NS, START_NS + span, 60)
    assert bars.start_ns % bars.interval_ns == 0
    assert bars.start_ns <= START_NS < bars.start_ns + bars.interval_ns
    end_ns = bars.start_ns + bars.count * bars.interval_ns
    assert end_ns - bars.interval_ns < START_NS + span <= end_ns


def test_a_span_before_1970() -> None:
    bars = choose_bars(-90 * SECOND, 0, 60)
    assert bars == Bars(start_ns=-90 * SECOND, interval_ns=2 * SECOND, count=45)


def test_bars_without_lines_are_there_too() -> None:
    bars = Bars(start_ns=0, interval_ns=10, count=3)
    assert fill(bars, [(20, "error", 2), (0, "info", 5), (20, "", 1)]) == (
        Bucket(start_ns=0, count=5, by={"info": 5}),
        Bucket(start_ns=10, count=0, by={}),
        Bucket(start_ns=20, count=3, by={"error": 2, "": 1}),
    )
