"""What a search asks for: one value, checked, out of the texts that a URL or a program gives. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from logpost.query.ast import Query
from logpost.query.syntax import parse
from logpost_web.errors import BadArgumentError
from logpost_web.query.arguments import choice_argument, number_argument
from logpost_web.query.cursor import Cursor, decode_cursor
from logpost_web.query.timerange import TimeRange
from logpost_web.query.times import parse_time

Order = Literal["asc", "desc"]

DEFAULT_LIMIT = 100
MAX_LIMIT = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """At most `limit` of the rows that `query`, written as `text`, finds in the time range, in this order, behind
    `after`. `highlight`: with the places of what was found."""

    text: str
    query: Query
    time_range: TimeRange
    order: Order = "desc"
    limit: int = DEFAULT_LIMIT
    after: Cursor | None = None
    highlight: bool = False


def read_search(arguments: Mapping[str, str], now_ns: int) -> Search:
    """Of `q`, `start`, `end`, `limit`, `order` (desc, asc), `cursor`, `highlight` (false, true); each may be missing or
    empty. Behind a cursor the time range is that of the first page. Raises BadArgumentError and QuerySyntaxError."""
    text, cursor = arguments.get("q", ""), arguments.get("cursor", "")
    time_range = _time_range(arguments, now_ns)
    after = decode_cursor(cursor) if cursor else None
    return Search(
        text=text,
        query=parse(text),
        limit=number_argument(arguments, "limit", DEFAULT_LIMIT, MAX_LIMIT),
        time_range=after.time_range if after else time_range,
        order="asc" if choice_argument(arguments, "order", ("desc", "asc")) == "asc" else "desc",
        after=after,
        highlight=choice_argument(arguments, "highlight", ("false", "true")) == "true",
    )


def _time_range(arguments: Mapping[str, str], now_ns: int) -> TimeRange:
    start_ns, end_ns = (_time(arguments, name, now_ns) for name in ("start", "end"))
    if start_ns is not None and end_ns is not None and start_ns > end_ns:
        raise BadArgumentError("start is later than end")
    return TimeRange(start_ns=start_ns, end_ns=end_ns)


def _time(arguments: Mapping[str, str], name: str, now_ns: int) -> int | None:
    text = arguments.get(name, "")
    if not text:
        return None
    try:
        return parse_time(text, now_ns)
    except BadArgumentError as error:
        raise BadArgumentError(f"{name}: {error}") from error
