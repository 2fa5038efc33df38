"""A slow search is a line in the log, which repeats nothing that was erased."""

from __future__ import annotations

import json
import logging

import pytest

from logpost_web.http.running import Search
from logpost_web.http.search_log import SearchLog


class _Ended(Search):
    seconds = 7.25


def search(query: str) -> Search:
    return _Ended(id="a1", kind="search", who="10.0.0.1", query=query, began=0.0, rows_read=5, bytes_read=70)


def slow_lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    return [json.loads(record.getMessage()) for record in caplog.records if "slow_search" in record.getMessage()]


def test_a_slow_search_is_one_line_of_json(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="web"):
        SearchLog(7.2).ended(search('say "hi"\n'), "done")
        SearchLog(7.3).ended(search("fast"), "done")
        SearchLog(0).ended(search("not wanted"), "done")
    assert slow_lines(caplog) == [
        {
            "slow_search": "a1",
            "kind": "search",
            "who": "10.0.0.1",
            "outcome": "done",
            "seconds": 7.25,
            "rows_read": 5,
            "bytes_read": 70,
            "query": 'say "hi"\n',
        }
    ]


@pytest.mark.parametrize(
    ("query", "is_left_out"),
    [
        *[("Ada Lovelace", True), ("user:ADA error", True), ("/ada.*/", True), ("canada", False), ("lovelaces", False)],
        *[
            ("key:tok_12ab", True),
            ("my_tok_12", False),
            ("a:xsecretx", True),
            ("user:JOSE\u0301", True),
            ("jose", False),
        ],
    ],
)
def test_what_was_erased_is_not_repeated(caplog: pytest.LogCaptureFixture, query: str, is_left_out: bool) -> None:
    searches = SearchLog(1.0)
    searches.leave_out(["Ada", "lovelace", "", "tok_*", "*secret*", "Jos\u00e9"])
    with caplog.at_level(logging.WARNING, logger="web"):
        searches.ended(search(query), "done")
    [line] = slow_lines(caplog)
    assert ("query" not in line) == is_left_out
    assert (len(str(line.get("query_hash", ""))) == 16) == is_left_out
