"""The arguments that several addresses share, out of the URL. Raises BadArgumentError and QuerySyntaxError."""

from __future__ import annotations

import datetime
import zoneinfo
from collections.abc import Sequence

from starlette.datastructures import QueryParams

from logpost_web.search.ast import Query
from logpost_web.search.errors import BadArgumentError
from logpost_web.search.syntax import parse
from logpost_web.search.timerange import TimeRange
from logpost_web.search.times import parse_time


def check_names(parameters: QueryParams, known: Sequence[str]) -> None:
    """Refuse what nobody reads: a misspelt `strat` would answer another question than the one that was asked."""
    for name in parameters:
        if name not in known:
            raise BadArgumentError(f"there is no parameter {name!r}; there are {', '.join(known)}")
        if len(parameters.getlist(name)) > 1:
            raise BadArgumentError(f"{name} is given more than once")


def required_argument(parameters: QueryParams, name: str) -> str:
    text = parameters.get(name, "")
    if not text:
        raise BadArgumentError(f"{name} is missing")
    return text


def required_number_argument(parameters: QueryParams, name: str, most: int) -> int:
    """A whole number from 0 to `most`."""
    text = required_argument(parameters, name)
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= most):
        raise BadArgumentError(f"{name} is a number from 0 to {most:,}, not {text!r}")
    return int(text)


def query_argument(parameters: QueryParams) -> Query:
    return parse(parameters.get("q", ""))


def time_range_argument(parameters: QueryParams, now_ns: int) -> TimeRange:
    """`start` and `end`; one that is missing or empty leaves that side open."""
    start_ns = _time(parameters, "start", now_ns)
    end_ns = _time(parameters, "end", now_ns)
    if start_ns is not None and end_ns is not None and start_ns > end_ns:
        raise BadArgumentError("start is later than end")
    return TimeRange(start_ns=start_ns, end_ns=end_ns)


def number_argument(parameters: QueryParams, name: str, default: int, most: int) -> int:
    """A whole number from 1 to `most`."""
    text = parameters.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= most):
        raise BadArgumentError(f"{name} is a number from 1 to {most:,}, not {text!r}")
    return int(text)


def choice_argument(parameters: QueryParams, name: str, choices: Sequence[str]) -> str:
    """One of `choices`, the first by default."""
    text = parameters.get(name, "") or choices[0]
    if text not in choices:
        raise BadArgumentError(f"{name} is one of {', '.join(choices)}, not {text!r}")
    return text


def zone_argument(parameters: QueryParams) -> datetime.tzinfo | None:
    """`tz`, an IANA name; None when it is missing."""
    name = parameters.get("tz", "")
    if not name:
        return None
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadArgumentError(f"tz is a time zone such as Europe/Berlin, not {name!r}") from error


def _time(parameters: QueryParams, name: str, now_ns: int) -> int | None:
    text = parameters.get(name, "")
    if not text:
        return None
    try:
        return parse_time(text, now_ns)
    except BadArgumentError as error:
        raise BadArgumentError(f"{name}: {error}") from error
