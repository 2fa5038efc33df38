"""A page of any query over any rows has the rows that match one by one, every column of them, whatever the engine does
to find them faster: skip indexes, what it remembers of earlier searches, wide columns that it reads late; in several
parts and table partitions, while rows come, after merges, and after rows were deleted.

`LOGPOST_TEST_SEEDS=100 pytest tests/web/query/test_pages.py` asks more; with `--store-server`, a server."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from random import Random

import msgspec
import pytest

from logpost.formats.json_text import read_json
from logpost.query.ast import And, Equals, Everything, Field, Pattern, Query
from logpost.query.filters.event import Event
from logpost.query.filters.match import compile_match
from logpost_web.indexer.attributes import is_refused, mended
from logpost_web.query.columns import Columns
from logpost_web.query.rows import FoundRow, rows_statement
from logpost_web.query.search import Order, Search
from logpost_web.query.timerange import TimeRange
from logpost_web.store.columns import LOGS, words_column
from logpost_web.store.memory import LEAN
from logpost_web.store.schema import CREATE_TABLE
from logpost_web.store.store import Store
from tests.web.query.conftest import FIELDS
from tests.web.query.test_matching import known, query, record, refusal

SEEDS = int(os.environ.get("LOGPOST_TEST_SEEDS", "1"))
ROWS = 1_200
START_NS = 1_796_000_000 * 10**9
WAYS: tuple[Mapping[str, int], ...] = (
    {"use_skip_indexes": 0},
    {"use_query_condition_cache": 0},
    {"query_plan_optimize_lazy_materialization": 0},
    LEAN,
)
LIMITS = (1, 100, 1_000)
ORDERS: tuple[Order, Order] = ("asc", "desc")
numbers = itertools.count()


class Table:
    """Of this layout, in small granules. `events`: its rows; `attributes`: their JSON by offset."""

    def __init__(self, store: Store) -> None:
        name = f"otel_pages_{next(numbers)}"
        made = CREATE_TABLE.replace("otel_logs (", f"{name} (").replace(
            "\nSETTINGS ", "\nSETTINGS index_granularity = 32, "
        )
        assert name in made
        assert "granularity = 32" in made
        store.command(made)
        store.command(f"SYSTEM STOP MERGES {name}")
        self.store = store
        self.columns: Columns = replace(LOGS, table=name)
        self.events: list[tuple[int, Event]] = []
        self.attributes: dict[int, object] = {}

    def insert(self, rows: Sequence[dict[str, object]]) -> None:
        for row in rows:
            text = str(row["LogAttributes"]).encode()
            fields = {FIELDS[name]: value for name, value in row.items() if name in FIELDS}
            event = msgspec.convert({**fields, "attrs": read_json(text.decode())}, Event)
            moment = row["Timestamp"]
            assert isinstance(moment, int)
            self.events.append((START_NS + moment * 10**6, event))
        lines = [
            {
                **row,
                "Timestamp": f"{1_796_000_000 + int(str(row['Timestamp'])) / 1000:.3f}",
                "Words": words_column(str(row["Body"])),
                "LogAttributes": stored(str(row["LogAttributes"]).encode()),
            }
            for row in rows
        ]
        self.store.insert(msgspec.json.Encoder().encode_lines(lines), self.columns.table)
        offsets = f"Offset >= {rows[0]['Offset']}"
        sql = f"SELECT Offset, {LOGS.attrs_text} FROM {self.columns.table} WHERE {offsets}"
        found = self.store.query(sql, settings=LEAN)
        self.attributes |= {offset: msgspec.json.decode(text) for offset, text in found.rows}

    def merge(self) -> None:
        self.store.command(f"SYSTEM START MERGES {self.columns.table}")
        self.store.command(f"OPTIMIZE TABLE {self.columns.table} FINAL")

    def delete(self) -> None:
        self.store.command(f"DELETE FROM {self.columns.table} WHERE Offset % 3 = 0")
        self.events = [(at, event) for at, event in self.events if (event.offset or 0) % 3]

    def page(self, asked: Query, order: Order, limit: int, way: Mapping[str, int]) -> list[object]:
        search = Search(text="", query=asked, time_range=TimeRange(), order=order, limit=limit)
        statement = rows_statement(search, self.columns)
        rows = self.store.query(statement.sql, statement.parameters, settings=way).rows
        return [_whole(FoundRow(*row)) for row in rows]

    def expected(self, asked: Query, order: Order, limit: int) -> list[object]:
        matches = compile_match(asked)
        found = [self._row(at, event) for at, event in self.events if matches(event)]
        found.sort(key=lambda row: row.key, reverse=order == "desc")
        return [_whole(row, self.attributes[row.offset]) for row in found[:limit]]

    def _row(self, at: int, event: Event) -> FoundRow:
        assert event.partition is not None
        assert event.offset is not None
        texts = (event.host, event.service, event.level, event.message, event.trace_id, event.span_id, event.file)
        return FoundRow(at, event.topic, event.partition, event.offset, *texts, "{}", 0, "")


def _whole(row: FoundRow, attributes: object = None) -> object:
    """With the attributes as values: a merge may change the order of their names."""
    return row._replace(attributes=""), msgspec.json.decode(row.attributes) if attributes is None else attributes


def stored(attributes: bytes) -> msgspec.Raw:
    return msgspec.Raw(mended(attributes)[0] if is_refused(attributes) else attributes)


def rows_of(chance: Random) -> list[dict[str, object]]:
    """Some are alike but for their address, many have the same time."""
    kinds = [record(chance) for _ in range(40)]
    times = [chance.randrange(3_600_000) for _ in range(ROWS // 3)]
    return [
        {
            **chance.choice(kinds),
            "Topic": chance.choice(["logs", "logs-2"]),
            "Offset": offset,
            "Timestamp": chance.choice(times),
            "RetentionUnit": chance.randrange(1, 4),
        }
        for offset in range(1, ROWS + 1)
    ]


def texts_of(row: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in row.items() if name in FIELDS}


def queries(chance: Random, rows: Sequence[dict[str, object]]) -> Iterator[Query]:
    fields = [field for row in chance.sample(list(rows), 40) for field in known(texts_of(row))]
    yield Everything()
    while True:
        asked = query(chance, fields)
        if refusal(compile_match, asked) is None:
            yield asked
            yield And((Field("topic", Equals(Pattern(("logs",))), 0), asked))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_page_has_the_rows_that_match(store: Store, seed: int) -> None:
    chance = Random(seed)
    rows, table = rows_of(chance), Table(store)
    asked = list(itertools.islice(queries(chance, rows), 5))
    for step in ("insert", "insert more", "merge", "delete"):
        if step == "insert":
            table.insert(rows[: ROWS // 2])
        elif step == "insert more":
            for start in range(ROWS // 2, ROWS, 200):
                table.insert(rows[start : start + 200])
        elif step == "merge":
            table.merge()
        else:
            table.delete()
        for one in asked:
            for way in ({}, *chance.sample(WAYS, 2)):
                order, limit = chance.choice(ORDERS), chance.choice(LIMITS)
                found, expected = table.page(one, order, limit, way), table.expected(one, order, limit)
                assert found == expected, (step, one, order, limit, way)
