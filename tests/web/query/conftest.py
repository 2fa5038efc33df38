"""A real store for the tests of what queries find."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec
import pytest

from logpost.query.filters.event import Event
from logpost.query.filters.match import compile_match
from logpost.query.syntax import parse
from logpost_web.query.condition import compile_condition
from logpost_web.store.columns import LOGS, words_column
from logpost_web.store.store import Store
from tests.support.stores import opened_store

Find = Callable[[str], list[int]]
"""Query → offsets of the rows that it finds, in the store and one by one."""
FIELDS = {
    "Body": "message",
    "ServiceName": "service",
    "HostName": "host",
    "SeverityText": "level",
    "TraceId": "trace_id",
    "SpanId": "span_id",
    "FilePath": "file",
    "Topic": "topic",
    "Partition": "partition",
    "Offset": "offset",
    "LogAttributes": "attrs",
}
inserted: dict[Store, list[Event]] = {}


@pytest.fixture(scope="module")
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with opened_store(request, tmp_path_factory.mktemp("store")) as store:
        yield store


@pytest.fixture(scope="module")
def find(store: Store) -> Find:
    def find(query: str) -> list[int]:
        condition = compile_condition(parse(query), LOGS)
        sql = f"SELECT Offset FROM otel_logs WHERE {condition.sql} ORDER BY Offset"
        found = [offset for (offset,) in store.query(sql, condition.parameters).rows]
        matches = compile_match(parse(query))
        assert found == [event.offset for event in inserted[store] if matches(event)]
        return found

    return find


def insert(store: Store, *rows: Mapping[str, object]) -> None:
    """Rows by column; the offset counts from 1 where none is given."""
    whole = [
        {"Topic": "logs", "Partition": 0, "Offset": number, "Body": "", **row} for number, row in enumerate(rows, 1)
    ]
    store.insert("\n".join(json.dumps({**row, "Words": words_column(str(row["Body"]))}) for row in whole).encode())
    inserted.setdefault(store, []).extend(
        msgspec.convert({FIELDS[column]: value for column, value in row.items() if column in FIELDS}, Event)
        for row in whole
    )


@pytest.fixture(scope="session")
def documentation() -> str:
    return (Path(__file__).parents[3] / "docs" / "search.md").read_text(encoding="utf-8")
