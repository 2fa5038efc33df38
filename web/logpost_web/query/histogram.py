"""Lines over time: the SQL that counts them, and the zeros between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from logpost_web.query.bars import Bars
from logpost_web.query.condition import Condition
from logpost_web.query.statement import LIMITS, Statement, where
from logpost_web.query.timerange import TimeRange

DEFAULT_BUCKETS = 60
MAX_BUCKETS = 1000
GROUPINGS = ("level", "service", "host", "topic")
"""Fields to split a bar by: those with few values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    start_ns: int
    count: int
    by: Mapping[str, int]


def extent_statement(condition: Condition, time_range: TimeRange) -> Statement:
    """Counts and gives the first and last time (Unix ns) of what matches: one row (count, first, last)."""
    clause, parameters = where(condition, time_range)
    columns = condition.columns
    first, last = columns.to_ns(f"min({columns.time})"), columns.to_ns(f"max({columns.time})")
    return Statement(
        f"SELECT count(), {first}, {last} FROM {columns.table} WHERE {clause} {LIMITS}",
        parameters,
    )


def histogram_statement(condition: Condition, bars: Bars, time_range: TimeRange, by: str) -> Statement:
    """Rows (bar start in Unix ns, value of `by`, count). `by` is one of GROUPINGS."""
    clause, parameters = where(condition, time_range)
    columns = condition.columns
    moment = columns.to_ns(columns.time)
    if bars.are_even and bars.starts_ns[0] >= 0:  # from 1900 to 2262 a difference has more than 64 bits
        bar = f"{moment} - positiveModulo({moment} - {{first:Int64}}, {{interval:Int64}})"
        parameters |= {"first": bars.starts_ns[0], "interval": bars.interval_ns}
    else:
        bar = f"roundDown({moment}, {{starts:Array(Int64)}})"
        parameters["starts"] = list(bars.starts_ns)
    return Statement(
        f"SELECT {bar} AS bar, {columns.fields[by]} AS value, count()"
        f" FROM {columns.table} WHERE {clause} GROUP BY bar, value {LIMITS}",
        parameters,
    )


def fill(bars: Bars, counted: Iterable[tuple[int, str, int]]) -> tuple[Bucket, ...]:
    """Every bar in order, those without lines too."""
    by_bar: dict[int, dict[str, int]] = {start: {} for start in bars.starts_ns}
    for start_ns, value, count in counted:
        by_bar[start_ns][value] = count
    return tuple(Bucket(start_ns=start, count=sum(by.values()), by=by) for start, by in by_bar.items())
