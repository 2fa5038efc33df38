"""Statements run beside the event loop: waiting costs nobody, limits are named."""

from __future__ import annotations

import asyncio
import time

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message

from logpost_web.api.errors import HANDLERS, ClientGoneError
from logpost_web.api.queries import MAX_THREADS, Queries
from logpost_web.search.rows import Statement
from logpost_web.store.store import Store
from tests.web.api.conftest import fetch, serving

SLOW = Statement("SELECT sleep(1)", {})


def request_of(gone: asyncio.Event) -> Request:
    """A request whose client leaves when `gone` is set."""

    async def receive() -> Message:
        await gone.wait()
        return {"type": "http.disconnect"}

    return Request({"type": "http"}, receive)


def test_a_client_that_left_while_waiting_never_gets_a_thread(store: Store) -> None:
    async def story() -> None:
        queries = Queries(store)
        staying, leaving = asyncio.Event(), asyncio.Event()
        running = [asyncio.create_task(queries.run(request_of(staying), SLOW)) for _ in range(MAX_THREADS)]
        await asyncio.sleep(0)
        waiting = asyncio.create_task(queries.run(request_of(leaving), SLOW))
        leaving.set()
        with pytest.raises(ClientGoneError):
            await waiting
        assert not any(task.done() for task in running)
        assert [(await task).rows for task in running] == [[(0,)]] * MAX_THREADS

    asyncio.run(story())


def test_the_event_loop_stays_free(store: Store) -> None:
    async def story() -> float:
        slow = asyncio.create_task(Queries(store).run(request_of(asyncio.Event()), SLOW))
        longest = 0.0
        while not slow.done():
            before = time.monotonic()
            await asyncio.sleep(0.001)
            longest = max(longest, time.monotonic() - before)
        return longest

    assert asyncio.run(story()) < 0.5


ENDLESS = "SELECT count() FROM numbers(10000000000000) WHERE NOT ignore(sipHash64(number))"


@pytest.mark.parametrize(
    ("sql", "status", "code"),
    [
        (f"{ENDLESS} SETTINGS max_execution_time = 1", 504, "time_limit"),
        ("SELECT groupArray(number) FROM numbers(1e8) SETTINGS max_memory_usage = 10000000", 500, "memory_limit"),
        ("SELECT repeat('x', 1000) FROM numbers(1000) SETTINGS max_result_bytes = 1000", 400, "answer_limit"),
        ("SELECT nonsense", 500, "store"),
    ],
)
def test_a_limit_of_the_store_is_told_in_words(store: Store, sql: str, status: int, code: str) -> None:
    async def endpoint(request: Request) -> Response:
        await Queries(store).run(request, Statement(sql, {}))
        raise AssertionError("the limit did not hold")

    app = Starlette(routes=[Route("/", endpoint)], exception_handlers=HANDLERS)
    with serving(app) as address:
        answer = fetch(address)
    assert answer.status == status
    assert answer.json()["error"]["code"] == code
