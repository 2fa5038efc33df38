"""Searches of all kinds, whatever becomes of them: none fails an insert, and none leaves something behind."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from logpost.config import StoreConfig
from logpost.query.syntax import parse
from logpost_web.api.queries import Queries
from logpost_web.http.errors import ClientGoneError
from logpost_web.query.bars import choose_bars
from logpost_web.query.condition import compile_condition
from logpost_web.query.histogram import histogram_statement
from logpost_web.query.statement import Statement
from logpost_web.query.timerange import TimeRange
from logpost_web.store.columns import LOGS
from logpost_web.store.errors import QueryError
from logpost_web.store.store import Store
from tests.web.api.test_queries import GREEDY, SPILL, request_of

CLIENTS = 8
BLOCKS = 4
WRONG = Statement("SELECT nonsense", {})
HEAVY = (Statement(SPILL, {}), Statement(GREEDY, {}))
QUICK = Statement("SELECT count(), max(Body) FROM otel_logs", {})
SLOW = Statement("SELECT sum(sleepEachRow(0.5)) FROM numbers(60) SETTINGS max_block_size = 1", {})


@pytest.fixture
def queries(store: Store) -> Iterator[Queries]:
    queries = Queries(store, StoreConfig())
    yield queries
    queries.close()


@pytest.mark.embedded_store
def test_no_search_fails_an_insert(store: Store, queries: Queries) -> None:
    answered: Counter[str] = Counter()
    inserted = threading.Event()

    async def client(number: int) -> None:
        while not inserted.is_set():
            try:
                await queries.run(request_of(asyncio.Event(), f"10.0.0.{number}"), HEAVY[number % 2])
                answered["answered"] += 1
            except QueryError as error:
                assert error.needs_more_memory, error
                answered["refused"] += 1

    async def story() -> None:
        await asyncio.gather(*(client(number) for number in range(CLIENTS)))

    def insert() -> None:
        try:
            for block in range(BLOCKS):
                rows = [
                    {
                        "Topic": "logs-beside",
                        "Offset": block * 10_000 + n,
                        "Body": f"{n} word " * 20,
                        "LogAttributes": {"n": n},
                    }
                    for n in range(10_000)
                ]
                store.insert("\n".join(map(json.dumps, rows)).encode())
        finally:
            inserted.set()

    try:
        inserting = threading.Thread(target=insert)
        inserting.start()
        asyncio.run(story())
        inserting.join()
        found = store.query("SELECT count() FROM otel_logs WHERE Topic = 'logs-beside'").rows
    finally:
        store.command("ALTER TABLE otel_logs DELETE WHERE Topic = 'logs-beside' SETTINGS mutations_sync = 1")
    assert found == [(BLOCKS * 10_000,)]
    assert answered["refused"] > 0


@pytest.mark.embedded_store
def test_a_word_in_all_rows_needs_no_more_than_a_search_has(store: Store) -> None:
    store.command(
        "INSERT INTO otel_logs (Topic, Offset, Timestamp, Body) SELECT 'logs-many', number, toDateTime64(number, 9),"
        " concat(toString(number), ' word ', repeat('x', 300)) FROM numbers(200000)"
        " SETTINGS max_block_size = 50000, min_insert_block_size_rows = 50000, max_threads = 1"
    )
    try:
        word = compile_condition(parse("word"), LOGS)
        bars = choose_bars(0, 200_000 * 10**9, 50)
        statement = histogram_statement(word, bars, TimeRange(), "level")
        assert store.memory is not None
        found = store.query(statement.sql, statement.parameters, settings=store.memory.search.settings())
    finally:
        store.command("ALTER TABLE otel_logs DELETE WHERE Topic = 'logs-many' SETTINGS mutations_sync = 1")
    assert sum(count for _, _, count in found.rows) >= 200_000


def test_nothing_grows_with_the_number_of_searches(queries: Queries) -> None:
    async def one(number: int) -> None:
        gone = asyncio.Event()
        if number % 10 == 0:
            gone.set()
            with pytest.raises(ClientGoneError):
                await queries.run(request_of(gone), SLOW)
        elif number % 10 == 1:
            with pytest.raises(QueryError):
                await queries.run(request_of(gone), WRONG)
        else:
            await queries.run(request_of(gone), QUICK)

    async def some(start: int, end: int) -> None:
        for first in range(start, end, CLIENTS):
            await asyncio.gather(*(one(number) for number in range(first, first + CLIENTS)))

    def held() -> tuple[int, int]:
        return len(list(Path("/proc/self/fd").iterdir())), len(list(Path("/proc/self/task").iterdir()))

    asyncio.run(some(0, 160))
    before = held()
    asyncio.run(some(160, 480))
    after = held()
    assert after[0] <= before[0] * 1.2 + 5
    assert after[1] <= before[1] * 1.2 + 5


SPILLING = f"""
import sys, threading
from pathlib import Path
from logpost.config import StoreConfig
from logpost_web.store.memory import Share
from logpost_web.store.store import Store

store = Store.open(StoreConfig(), Path(sys.argv[1]))
share = Share(memory=40 << 20, spill=1 << 30)
statement = {SPILL.replace("3e6", "1e9")!r}
threading.Thread(target=lambda: store.query(statement, settings=share.settings()), daemon=True).start()
while not store.query("SELECT value FROM system.events WHERE event = 'ExternalAggregationWritePart'").rows:
    pass
print("spilling", flush=True)
threading.Event().wait()
"""
OPENING = """
import sys
from pathlib import Path
from logpost.config import StoreConfig
from logpost_web.store.store import Store

Store.open(StoreConfig(), Path(sys.argv[1])).close()
"""


def test_what_a_killed_process_spilled_is_gone_at_the_next_start(tmp_path: Path) -> None:
    directory = tmp_path / "store"
    spilling = subprocess.Popen([sys.executable, "-c", SPILLING, str(directory)], stdout=subprocess.PIPE, text=True)
    assert spilling.stdout is not None
    with spilling:
        try:
            assert spilling.stdout.readline() == "spilling\n"
            left = spilled(directory)
        finally:
            spilling.kill()
    assert left
    subprocess.run([sys.executable, "-c", OPENING, str(directory)], timeout=120, check=True)
    assert [file for file in left if file.exists()] == []


def spilled(directory: Path) -> list[Path]:
    return [file for file in directory.rglob("*") if "tmp" in file.relative_to(directory).parts and file.is_file()]
