"""The query and its time range, out of the URL. Raises BadArgumentError and QuerySyntaxError."""

from __future__ import annotations

from starlette.datastructures import QueryParams

from logpost.query.ast import Query
from logpost.query.syntax import parse
from logpost_web.errors import BadArgumentError
from logpost_web.query.timerange import TimeRange
from logpost_web.query.times import parse_time


def query_argument(parameters: QueryParams) -> Query:
    return parse(parameters.get("q", ""))


def time_range_argument(parameters: QueryParams, now_ns: int) -> TimeRange:
    """`start` and `end`; one that is missing or empty leaves that side open."""
    start_ns = _time(parameters, "start", now_ns)
    end_ns = _time(parameters, "end", now_ns)
    if start_ns is not None and end_ns is not None and start_ns > end_ns:
        raise BadArgumentError("start is later than end")
    return TimeRange(start_ns=start_ns, end_ns=end_ns)


def _time(parameters: QueryParams, name: str, now_ns: int) -> int | None:
    text = parameters.get(name, "")
    if not text:
        return None
    try:
        return parse_time(text, now_ns)
    except BadArgumentError as error:
        raise BadArgumentError(f"{name}: {error}") from error
