"""Lines over time: which bars to draw, the SQL that counts them, and the zeros between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from logpost_web.search.condition import Condition
from logpost_web.search.fields import COLUMNS
from logpost_web.search.rows import LIMITS, Statement, where
from logpost_web.search.timerange import TimeRange

MILLISECOND = 1_000_000
SECOND = 1000 * MILLISECOND
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

STEPS = (
    *(n * MILLISECOND for n in (1, 2, 5, 10, 20, 50, 100, 200, 500)),
    *(n * SECOND for n in (1, 2, 5, 10, 15, 30)),
    *(n * MINUTE for n in (1, 2, 5, 10, 15, 30)),
    *(n * HOUR for n in (1, 2, 3, 6, 12)),
    *(n * DAY for n in (1, 2, 7, 14, 30, 91, 365, 3650)),
)
"""Widths of a bar that people read easily."""

DEFAULT_BUCKETS = 60
MAX_BUCKETS = 1000
GROUPINGS = ("level", "service", "host", "topic")
"""Fields to split a bar by: those with few values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Bars of `interval_ns`, the first at `start_ns` (a multiple of it), `count` of them."""

    start_ns: int
    interval_ns: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    start_ns: int
    count: int
    by: Mapping[str, int]


def choose_bars(start_ns: int, end_ns: int, buckets: int) -> Bars:
    """Bars that cover `start_ns` to `end_ns` (excl.): the narrowest step that needs at most `buckets` of them, or one
    more where the span does not begin on a border."""
    span = max(end_ns - start_ns, 1)
    interval = next((step for step in STEPS if span <= step * buckets), STEPS[-1])
    first = start_ns - start_ns % interval
    return Bars(start_ns=first, interval_ns=interval, count=-(-(max(end_ns, start_ns + 1) - first) // interval))


def extent_statement(condition: Condition, time_range: TimeRange) -> Statement:
    """Counts and gives the first and last time (Unix ns) of what matches: one row (count, first, last)."""
    clause, parameters = where(condition, time_range)
    return Statement(
        "SELECT count(), toUnixTimestamp64Nano(min(Timestamp)), toUnixTimestamp64Nano(max(Timestamp)) "
        f"FROM otel_logs WHERE {clause} {LIMITS}",
        parameters,
    )


def histogram_statement(condition: Condition, bars: Bars, time_range: TimeRange, by: str) -> Statement:
    """Rows (bar start in Unix ns, value of `by`, count). `by` is one of GROUPINGS."""
    clause, parameters = where(condition, time_range)
    return Statement(
        "SELECT toUnixTimestamp64Nano(Timestamp) - positiveModulo(toUnixTimestamp64Nano(Timestamp), {interval:Int64})"
        f" AS bar, {COLUMNS[by].name} AS value, count() FROM otel_logs WHERE {clause} GROUP BY bar, value {LIMITS}",
        {**parameters, "interval": bars.interval_ns},
    )


def fill(bars: Bars, counted: Iterable[tuple[int, str, int]]) -> tuple[Bucket, ...]:
    """Every bar in order, those without lines too."""
    by_bar: dict[int, dict[str, int]] = {bars.start_ns + n * bars.interval_ns: {} for n in range(bars.count)}
    for start_ns, value, count in counted:
        by_bar[start_ns][value] = count
    return tuple(Bucket(start_ns=start, count=sum(by.values()), by=by) for start, by in by_bar.items())
