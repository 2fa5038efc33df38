"""Texts of arguments → one checked search."""

from __future__ import annotations

import pytest

from logpost.query.ast import Everything
from logpost.query.errors import QuerySyntaxError
from logpost.query.syntax import parse
from logpost_web.errors import BadArgumentError
from logpost_web.query.cursor import Cursor, encode_cursor
from logpost_web.query.search import DEFAULT_LIMIT, Search, read_search
from logpost_web.query.timerange import TimeRange

NOW_NS = 1_795_000_000 * 10**9
HOUR_NS = 3600 * 10**9
BEHIND = Cursor(NOW_NS, "logs", 1, 7, ("T",), NOW_NS - 2 * HOUR_NS, NOW_NS)


@pytest.mark.parametrize("arguments", [{}, dict.fromkeys(("q", "start", "end", "limit", "order", "cursor"), "")])
def test_what_is_missing_or_empty_has_its_default(arguments: dict[str, str]) -> None:
    assert read_search(arguments, NOW_NS) == Search(
        text="", query=Everything(), time_range=TimeRange(), order="desc", limit=DEFAULT_LIMIT
    )


def test_every_argument_is_read() -> None:
    arguments = {
        "q": "level:error timeout",
        "start": "-1h",
        "end": "now",
        "limit": "7",
        "order": "asc",
        "cursor": encode_cursor(BEHIND),
        "highlight": "true",
    }
    assert read_search(arguments, NOW_NS + HOUR_NS) == Search(
        text="level:error timeout",
        query=parse("level:error timeout"),
        time_range=TimeRange(start_ns=NOW_NS - 2 * HOUR_NS, end_ns=NOW_NS),  # of the first page
        order="asc",
        limit=7,
        after=BEHIND,
        highlight=True,
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start": "yesterday"}, "start: 'yesterday' is no time"),
        ({"end": "2026-13-01"}, "end: '2026-13-01' is no time"),
        ({"start": "now", "end": "-1h"}, "start is later than end"),
        ({"limit": "0"}, "limit is a number from 1 to 5,000, not '0'"),
        ({"limit": "٣"}, "limit is a number"),
        ({"order": "up"}, "order is one of desc, asc, not 'up'"),
        ({"cursor": "nonsense"}, "this cursor is not one"),
        ({"highlight": "yes"}, "highlight is one of false, true"),
    ],
)
def test_what_cannot_be_used_is_named(arguments: dict[str, str], message: str) -> None:
    with pytest.raises(BadArgumentError, match=message):
        read_search(arguments, NOW_NS)


def test_a_query_that_cannot_be_read_has_its_place() -> None:
    with pytest.raises(QuerySyntaxError) as found:
        read_search({"q": "a AND"}, NOW_NS)
    assert found.value.at == 5
