"""Rows come a page at a time, each once, in a total order, without sorting all that match."""

from __future__ import annotations

import random
import re

import pytest

from logpost.query.syntax import parse
from logpost_web.query.cursor import Cursor
from logpost_web.query.rows import FoundRow, cursor_behind, rows_statement
from logpost_web.query.search import Order, Search
from logpost_web.query.timerange import TimeRange
from logpost_web.store.columns import LOGS
from logpost_web.store.store import Store
from tests.web.query.conftest import insert

SECOND_NS = 10**9
START_NS = 1_763_895_067 * SECOND_NS
ROWS = 20_000


@pytest.fixture(scope="module", autouse=True)
def rows(store: Store) -> None:
    """Many rows of the same nanosecond, in partitions of two topics that were made again, some with a word."""
    rows = [(number, topic_id) for number in range(ROWS // 2) for topic_id in ("first", "later")]
    random.Random(3).shuffle(rows)
    insert(
        store,
        *(
            {
                "TopicId": topic_id,
                "Timestamp": f"{(START_NS + number // 7) // SECOND_NS}.{(START_NS + number // 7) % SECOND_NS:09d}",
                "Topic": f"logs{number % 2}",
                "Partition": number % 3,
                "Offset": number,
                "Body": f"line {number}" + (" rare" if number % 1000 == 0 else ""),
            }
            for number, topic_id in rows
        ),
    )


def search(
    query: str, order: Order, limit: int, after: Cursor | None = None, time_range: TimeRange | None = None
) -> Search:
    span = time_range or TimeRange()
    return Search(text=query, query=parse(query), time_range=span, order=order, limit=limit, after=after)


def ask(
    store: Store,
    query: str,
    *,
    order: Order = "desc",
    limit: int,
    after: Cursor | None = None,
    time_range: TimeRange | None = None,
) -> list[FoundRow]:
    statement = rows_statement(search(query, order, limit, after, time_range), LOGS)
    return [FoundRow(*row) for row in store.query(statement.sql, statement.parameters).rows]


@pytest.mark.parametrize(
    ("order", "limit", "query"), [("desc", 137, "offset:<2000"), ("asc", 500, "offset:<2000"), ("asc", 1, "offset:<20")]
)
def test_pages_hold_every_row_once_in_order(store: Store, order: Order, limit: int, query: str) -> None:
    whole = ask(store, query, order=order, limit=5000)
    keys = [row.key for row in whole]
    assert len(keys) == 2 * len(set(keys)) == 2 * int(query.partition("<")[2])
    assert keys == sorted(keys, reverse=order == "desc")

    paged: list[FoundRow] = []
    after = None
    while page := ask(store, query, order=order, limit=limit, after=after):
        paged += page
        after = cursor_behind(page, search(query, order, limit, after))
    assert [row.key for row in paged] == keys
    assert sorted(paged) == sorted(whole)


@pytest.mark.parametrize("order", ["desc", "asc"])
@pytest.mark.parametrize("limit", [1, 7, 900])
def test_pages_of_all_rows_are_those_of_a_query_that_all_match(store: Store, order: Order, limit: int) -> None:
    after = None
    for _ in range(3):
        found, same = (ask(store, query, order=order, limit=limit, after=after) for query in ("", "offset:>=0"))
        assert [row.key for row in found] == [row.key for row in same]
        assert len(found) == limit
        after = cursor_behind(found, search("", order, limit, after))


@pytest.mark.parametrize("query", ["trace_id:t1", "rare trace_id:t1"])
def test_the_rows_of_a_trace_are_not_read_in_order(store: Store, query: str) -> None:
    assert "Read type: Default" in explain(store, query, "desc")


@pytest.mark.parametrize(
    "query", ['trace_id:""', "trace_id:t*", "trace_id:t1 OR rare", "-trace_id:t1", "attrs.trace_id:t1"]
)
def test_the_rows_of_many_traces_are_read_in_order(store: Store, query: str) -> None:
    assert "Read type: InReverseOrder" in explain(store, query, "desc")


def test_a_page_of_all_rows_is_empty_where_none_are(store: Store) -> None:
    assert ask(store, "", limit=10, time_range=TimeRange(start_ns=1, end_ns=2)) == []


def test_the_time_range_holds_its_start_and_not_its_end(store: Store) -> None:
    found = ask(store, "", limit=100, time_range=TimeRange(start_ns=START_NS + 1, end_ns=START_NS + 3))
    assert sorted({row.timestamp_ns - START_NS for row in found}) == [1, 2]
    assert len(found) == 28


def explain(store: Store, query: str, order: Order, after: Cursor | None = None) -> str:
    statement = rows_statement(search(query, order, 10, after), LOGS)
    lines = store.query(f"EXPLAIN indexes = 1 {statement.sql}", statement.parameters).rows
    return "\n".join(line for (line,) in lines)


@pytest.mark.parametrize(("order", "direction"), [("desc", "InReverseOrder"), ("asc", "InOrder")])
def test_rows_are_read_in_the_order_asked_for_until_the_page_is_full(
    store: Store, order: Order, direction: str
) -> None:
    assert f"Read type: {direction}" in explain(store, "rare", order)


def test_a_later_page_skips_what_the_primary_key_can_skip(store: Store) -> None:
    ten_minutes_ns = 600 * SECOND_NS
    plan = explain(store, "", "desc", after=Cursor(START_NS - ten_minutes_ns, "logs0", 0, 0, ("first",), None, None))
    granules = re.search(r"PrimaryKey.*?Granules: (\d+)/(\d+)", plan, re.DOTALL)
    assert granules is not None
    assert int(granules[1]) < int(granules[2])


def test_nanoseconds_and_attributes_come_back_whole(store: Store) -> None:
    nanoseconds = 1_763_000_000_123_456_789
    attributes = {"big": 2**60 + 1, "float": 1.5, "text": "ü", "list": [1, "a"], "deep": {"er": True}}
    row = {"Timestamp": "1763000000.123456789", "Body": "whole", "FilePath": "/x", "LogAttributes": attributes}
    insert(store, {**row, "Offset": ROWS})  # none that another test counts
    [found] = ask(store, "whole", limit=1)
    assert found.timestamp_ns == nanoseconds
    assert found.file == "/x"
    assert '"big":1152921504606846977' in found.attributes
