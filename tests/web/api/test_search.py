"""`/api/search`: the answer's shape is a contract."""

from __future__ import annotations

import pytest

from logpost_web.indexer.indexer import UNKNOWN
from tests.web.api.conftest import Get


def test_a_row_is_as_the_contract_says(get: Get) -> None:
    answer = get("/api/search", q="timed")
    body = answer.json()
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert set(body) == {"rows", "cursor", "complete", "stats"}
    assert body["rows"] == [
        {
            "ts": "2026-11-22T10:51:00.000000000Z",
            "host": "web-1",
            "service": "nginx",
            "level": "error",
            "message": "upstream timed out",
            "attrs": {"status": 504},
            "topic": "logs",
            "partition": 2,
            "offset": 0,
        }
    ]
    assert body["cursor"] is None
    assert body["complete"].pop("paused")["reason"] == UNKNOWN  # no broker was reached: nothing is claimed
    assert body["complete"] == {
        "indexed_until": None,
        "partitions": [],
        "behind": [],
        "missing": [],
        "stepped_over": [],
        "dropped": [],
    }
    assert set(body["stats"]) == {"rows_read", "bytes_read", "elapsed_ms"}


def test_newest_first_unless_asked_otherwise(get: Get) -> None:
    assert [row["offset"] for row in get("/api/search").json()["rows"]] == [2, 1, 0]
    assert [row["offset"] for row in get("/api/search", order="asc").json()["rows"]] == [0, 1, 2]


def test_pages_by_cursor(get: Get) -> None:
    first = get("/api/search", limit=2).json()
    assert [row["offset"] for row in first["rows"]] == [2, 1]
    second = get("/api/search", limit=2, cursor=first["cursor"]).json()
    assert [row["offset"] for row in second["rows"]] == [0]
    assert second["cursor"] is None


@pytest.mark.parametrize(
    ("start", "end", "offsets"),
    [
        ("2026-11-22T10:51:01Z", "", [2, 1]),
        ("2026-11-22T10:51:01.000000001Z", "2026-11-22T10:51:02.000000002Z", [1]),
        ("1795344661000000001", "1795344662000000003", [2, 1]),
        ("1795344662", "", [2]),
        ("", "2026-11-22T11:51:01+01:00", [0]),
        ("-1ms", "now", []),
    ],
)
def test_times_of_every_kind(get: Get, start: str, end: str, offsets: list[int]) -> None:
    assert [row["offset"] for row in get("/api/search", start=start, end=end).json()["rows"]] == offsets


def test_large_integers_keep_all_digits(get: Get) -> None:
    assert get("/api/search", q="big:*").json()["rows"][0]["attrs"] == {"big": 2**60 + 1}


def test_hints_come_with_the_answer(get: Get) -> None:
    for address in ("/api/search", "/api/histogram"):
        [hint] = get(address, q="level:error,warn").json()["hints"]
        assert hint == {"at": 0, "read_as": "the value error,warn", "instead": "level:(error OR warn)"}
        assert "hints" not in get(address, q="level:error").json()


def test_what_to_mark_comes_when_asked_for(get: Get) -> None:
    query = 'upstream "timed out"'
    assert get("/api/search", q=query, highlight="true").json()["rows"][0]["marks"] == [[0, 8], [9, 18]]
    assert get("/api/search", highlight="true").json()["rows"][0]["marks"] == []
    assert "marks" not in get("/api/search", q=query).json()["rows"][0]


@pytest.mark.parametrize(
    ("query", "at", "message"),
    [
        ('a "b', 4, "expected a closing quote for the one at character 3"),
        ("status:>x", 7, "expected a number to compare with, not x"),
        ("timed message:/a(b/", 14, "this regular expression cannot be used: missing )"),
    ],
)
@pytest.mark.parametrize("path", ["/api/search", "/api/histogram"])
def test_a_malformed_query_is_refused_with_its_position(get: Get, path: str, query: str, at: int, message: str) -> None:
    answer = get(path, q=query)
    assert answer.status == 400
    assert answer.json() == {"error": {"code": "bad_query", "message": message, "at": at}}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start": "yesterday"}, "start: 'yesterday' is no time"),
        ({"start": "now", "end": "-1h"}, "start is later than end"),
        ({"limit": "0"}, "limit is a number from 1 to 5,000"),
        ({"limit": "5001"}, "limit is a number from 1 to 5,000"),
        ({"limit": "ten"}, "limit is a number from 1 to 5,000"),
        ({"order": "up"}, "order is one of desc, asc"),
        ({"cursor": "xyz"}, "this cursor is not one that a search has answered"),
    ],
)
def test_a_malformed_argument_is_named(get: Get, arguments: dict[str, str], message: str) -> None:
    answer = get("/api/search", **arguments)
    assert answer.status == 400
    error = answer.json()["error"]
    assert error["code"] == "bad_argument"
    assert error["message"].startswith(message)
    assert error["at"] is None


def test_later_pages_are_of_the_time_range_of_the_first(get: Get) -> None:
    """`-1h` means another hour each time that it is read."""
    page = get("/api/search", limit=1, start="2026-11-22T10:51:01Z", order="asc").json()
    later = get("/api/search", limit=5, start="now", order="asc", cursor=page["cursor"]).json()
    assert [row["offset"] for row in page["rows"] + later["rows"]] == [1, 2]
