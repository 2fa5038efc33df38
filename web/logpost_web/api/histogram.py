"""`/api/histogram`: lines over time."""

from __future__ import annotations

import datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from logpost.query.hint_parts import Hint
from logpost.query.hints import hints
from logpost.record import format_ts
from logpost_web.api.searching import TIMEOUT
from logpost_web.api.services import now_ns, services
from logpost_web.http.answers import json_answer
from logpost_web.http.arguments import check_names
from logpost_web.query.arguments import choice_argument, number_argument, zone_argument
from logpost_web.query.bars import choose_bars
from logpost_web.query.condition import Condition, compile_condition
from logpost_web.query.histogram import (
    DEFAULT_BUCKETS,
    GROUPINGS,
    MAX_BUCKETS,
    extent_statement,
    fill,
    histogram_statement,
)
from logpost_web.query.search import read_search
from logpost_web.query.timerange import TimeRange
from logpost_web.store.columns import LOGS


class Bar(msgspec.Struct, kw_only=True):
    """`start`: RFC 3339. `by`: value of the grouping → lines; a line without one counts under the empty text."""

    start: str
    count: int
    by: dict[str, int]


class HistogramAnswer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`interval`: width of a bar in seconds. `start` and `end`, where `tz` is given: the span that is counted; the
    first and the last bar may reach beyond."""

    interval: float
    total: int
    buckets: list[Bar]
    start: str = ""
    end: str = ""
    hints: list[Hint] = []


async def histogram(request: Request) -> Response:
    """`q`, `start`, `end`, `buckets`, `by` (level, service, host, topic), `tz` (the zone on whose days bars lie),
    `timeout`."""
    parameters = request.query_params
    check_names(parameters, ("q", "start", "end", "buckets", "by", "tz", TIMEOUT))
    asked = read_search(parameters, now_ns())
    condition = compile_condition(asked.query, LOGS)
    buckets = number_argument(parameters, "buckets", DEFAULT_BUCKETS, MAX_BUCKETS)
    zone = zone_argument(parameters)
    by = choice_argument(parameters, "by", GROUPINGS)
    await services(request).queries.check_regexes(request, asked.query)
    span = await _span(request, condition, asked.time_range)
    if span is None:
        return await json_answer(request, HistogramAnswer(interval=0, total=0, buckets=[], hints=hints(asked.text)))
    bars = choose_bars(*span, buckets, zone or datetime.UTC)
    statement = histogram_statement(condition, bars, TimeRange(start_ns=span[0], end_ns=span[1]), by)
    result = await services(request).queries.run(request, statement)
    filled = fill(bars, ((start_ns, value, count) for start_ns, value, count in result.rows))
    return await json_answer(
        request,
        HistogramAnswer(
            interval=bars.interval_ns / 1e9,
            total=sum(bucket.count for bucket in filled),
            buckets=[Bar(start=format_ts(one.start_ns), count=one.count, by=dict(one.by)) for one in filled],
            start=format_ts(span[0]) if zone else "",
            end=format_ts(span[1]) if zone else "",
            hints=hints(asked.text),
        ),
    )


async def _span(request: Request, condition: Condition, time_range: TimeRange) -> tuple[int, int] | None:
    """The time to draw: as asked, and up to the first and last match where a side is open. None: no match at all."""
    start_ns, end_ns = time_range.start_ns, time_range.end_ns
    if start_ns is not None and end_ns is not None:
        return start_ns, end_ns
    result = await services(request).queries.run(request, extent_statement(condition, time_range))
    [(count, first_ns, last_ns)] = result.rows
    if count == 0:
        return None
    return first_ns if start_ns is None else start_ns, last_ns + 1 if end_ns is None else end_ns
