"""Statements run beside the event loop: nobody waits for another's, nothing runs that nobody waits for, limits are
named."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message

from logpost.config import StoreConfig
from logpost_web.api.queries import Queries
from logpost_web.api.store_errors import HANDLERS
from logpost_web.http.cancellation import Limits, StatementPool
from logpost_web.http.errors import ClientGoneError, OutOfTimeError
from logpost_web.http.places import NoPlaceError
from logpost_web.query.statement import Statement
from logpost_web.store.errors import QueryError
from logpost_web.store.memory import SHORT_SEARCHES
from logpost_web.store.store import Store
from tests.support.appliance import await_condition
from tests.web.api.conftest import fetch, serving

SLOW = Statement("SELECT sleep(1)", {})
QUICK = Statement("SELECT 1", {})
LONG_PLACES, LONG_PLACES_PER_CLIENT, MAX_WAITING = 3, 2, 100
CONFIG = StoreConfig(max_searches=LONG_PLACES, max_waiting_searches=MAX_WAITING)
ENDLESS = "SELECT count() FROM numbers(10000000000000) WHERE NOT ignore(sipHash64(number))"
HEAVY = Statement(f"{ENDLESS} SETTINGS max_execution_time = 300, max_threads = 1", {})


@pytest.fixture
def queries(store: Store) -> Iterator[Queries]:
    queries = Queries(store, CONFIG)
    yield queries
    queries.close()


def request_of(gone: asyncio.Event, client: str = "10.0.0.1") -> Request:
    """A request whose client leaves when `gone` is set."""

    async def receive() -> Message:
        await gone.wait()
        return {"type": "http.disconnect"}

    return Request({"type": "http", "client": (client, 1)}, receive)


def running(store: Store) -> int:
    """Statements that this file's tests left in the store."""
    [(count,)] = store.query("SELECT count() FROM system.processes WHERE query LIKE '%sipHash64(number)%'").rows
    return int(count) - 1  # this one names it, too


async def until(condition: Callable[[], bool]) -> None:
    await asyncio.to_thread(await_condition, condition, "so many run", 60)


@contextlib.asynccontextmanager
async def heavy_ones(queries: Queries, count: int, client: str) -> AsyncIterator[list[asyncio.Task[object]]]:
    """So many endless statements of a client, until the end of the block, when it goes away."""
    gone = asyncio.Event()
    tasks: list[asyncio.Task[object]] = [
        asyncio.create_task(queries.run(request_of(gone, client), HEAVY)) for _ in range(count)
    ]
    await asyncio.sleep(0)
    yield tasks
    gone.set()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(end) for end in ends} == {ClientGoneError}


def test_a_statement_ends_when_its_client_goes_and_its_place_is_free(store: Store, queries: Queries) -> None:
    async def story() -> None:
        async with heavy_ones(queries, LONG_PLACES_PER_CLIENT + SHORT_SEARCHES, "10.0.0.1"):
            await until(lambda: running(store) > LONG_PLACES_PER_CLIENT)
        async with heavy_ones(queries, 1, "10.0.0.1"):
            await until(lambda: running(store) > 0)

    asyncio.run(story())
    await_condition(lambda: running(store) == 0, "nothing runs", 60)


def test_a_connection_that_closes_ends_its_statement(store: Store, queries: Queries) -> None:
    async def endpoint(request: Request) -> Response:
        await queries.run(request, HEAVY)
        raise AssertionError("it cannot end")

    with serving(Starlette(routes=[Route("/", endpoint)], exception_handlers=HANDLERS)) as address:
        with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), timeout=60) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await_condition(lambda: running(store) == 1, "it runs", 60)
        await_condition(lambda: running(store) == 0, "it ended", 60)


@pytest.mark.parametrize("client", ["10.0.0.1", "10.0.0.2"])
def test_a_short_search_waits_for_no_long_one_of_anybody(queries: Queries, client: str) -> None:
    async def story() -> None:
        async with heavy_ones(queries, 12, "10.0.0.1") as heavy:
            for _ in range(5):
                assert (await queries.run(request_of(asyncio.Event(), client), QUICK)).rows == [(1,)]
            assert not any(task.done() for task in heavy)

    asyncio.run(story())


def test_a_long_search_finds_a_place_beside_those_of_another_client(store: Store, queries: Queries) -> None:
    long = Statement("SELECT sum(sleepEachRow(0.5)) FROM numbers(4) SETTINGS max_block_size = 1", {})

    async def story() -> None:
        async with heavy_ones(queries, LONG_PLACES + 5, "10.0.0.1") as heavy:
            await until(lambda: running(store) > LONG_PLACES_PER_CLIENT)
            assert (await queries.run(request_of(asyncio.Event(), "10.0.0.2"), long)).rows == [(0,)]
            assert not any(task.done() for task in heavy)

    asyncio.run(story())


def test_a_short_search_finds_a_thread_however_many_long_ones_may_run(store: Store) -> None:
    long = 40
    ended = threading.Event()

    async def story() -> str:
        pool = StatementPool(store, Limits(short=long, long=long, waiting=long, seconds=60))
        gone = asyncio.Event()
        running = [
            asyncio.create_task(pool.run(request_of(gone, f"10.0.0.{n % 2}"), lambda _: ended.wait(60)))
            for n in range(long)
        ]
        try:
            await asyncio.sleep(0)
            return await asyncio.wait_for(pool.run(request_of(gone, "10.0.0.9"), lambda _: "short"), 20)
        finally:
            ended.set()
            await asyncio.gather(*running)
            pool.close()

    assert asyncio.run(story()) == "short"


def test_more_than_may_wait_are_refused(queries: Queries) -> None:
    async def story() -> None:
        async with heavy_ones(queries, SHORT_SEARCHES + MAX_WAITING, "10.0.0.1"):
            await asyncio.sleep(0)
            with pytest.raises(NoPlaceError, match=f"{MAX_WAITING} of your searches .*store.max_waiting_searches"):
                await queries.run(request_of(asyncio.Event(), "10.0.0.1"), QUICK)
            assert (await queries.run(request_of(asyncio.Event(), "10.0.0.2"), QUICK)).rows == [(1,)]

    asyncio.run(story())


def test_the_event_loop_stays_free(queries: Queries) -> None:
    async def story() -> int:
        slow = asyncio.create_task(queries.run(request_of(asyncio.Event()), SLOW))
        rounds = 0
        while not slow.done():
            await asyncio.sleep(0.001)
            rounds += 1
        return rounds

    assert asyncio.run(story()) > 10  # hundreds in its second; of a loop that waits for it, one or two


SPILL = "SELECT count() FROM (SELECT number AS n, toString(n) AS s, count() FROM numbers(3e6) GROUP BY n, s)"
GREEDY = "SELECT groupArray(number) FROM numbers(1e8)"


def spilled(store: Store) -> int:
    """How often an aggregation went to the disk."""
    counted = store.query("SELECT value FROM system.events WHERE event = 'ExternalAggregationWritePart'").rows
    return sum(int(count) for (count,) in counted)


@pytest.mark.embedded_store
@pytest.mark.parametrize(
    ("sql", "status", "code", "limit"),
    [
        (f"{ENDLESS} SETTINGS max_execution_time = 1", 504, "time_limit", ""),
        (GREEDY, 400, "memory_limit", "store.max_memory_bytes"),
        (
            f"{SPILL} SETTINGS max_temporary_data_on_disk_size_for_query = 9",
            400,
            "spill_limit",
            "store.max_spill_bytes",
        ),
        ("SELECT repeat('x', 1000) FROM numbers(1000) SETTINGS max_result_bytes = 1000", 400, "answer_limit", "bytes"),
        ("SELECT nonsense", 500, "store", ""),
    ],
)
def test_a_limit_of_the_store_is_told_in_words(queries: Queries, sql: str, status: int, code: str, limit: str) -> None:
    async def endpoint(request: Request) -> Response:
        await queries.run(request, Statement(sql, {}))
        raise AssertionError("the limit did not hold")

    app = Starlette(routes=[Route("/", endpoint)], exception_handlers=HANDLERS)
    with serving(app) as address:
        answer = fetch(address)
    assert answer.status == status
    assert answer.json()["error"]["code"] == code
    assert limit in answer.json()["error"]["message"]


@pytest.mark.embedded_store
def test_a_search_that_needs_more_memory_than_others_has_it_and_the_disk(store: Store, queries: Queries) -> None:
    before = spilled(store)
    result = asyncio.run(queries.run(request_of(asyncio.Event()), Statement(SPILL, {})))
    assert result.rows == [(3_000_000,)]
    assert spilled(store) > before


@pytest.mark.embedded_store
def test_it_is_refused_when_it_needs_more_than_a_heavy_one_has(queries: Queries) -> None:
    with pytest.raises(QueryError, match="memory limit exceeded"):
        asyncio.run(queries.run(request_of(asyncio.Event()), Statement(GREEDY, {})))


def test_a_statement_is_not_waited_for_inside_of_a_function_that_looks_at_no_clock(store: Store) -> None:
    queries = Queries(store, StoreConfig(search_timeout_seconds=0.5))
    # Each block of one row takes three seconds, in which the engine sees no reason to look.
    hung = Statement("SELECT sum(ignore(sleep(3))) FROM numbers(2) SETTINGS max_block_size = 1, max_threads = 1", {})

    async def story() -> None:
        with pytest.raises(OutOfTimeError, match=r"0\.5 s"):
            await queries.run(request_of(asyncio.Event()), hung)

    asyncio.run(story())
    queries.close()
