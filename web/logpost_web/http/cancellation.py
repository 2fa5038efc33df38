"""Blocking statements, in threads beside the event loop: cancelled when nobody waits for them any more, and never so
many long ones that a short one has to wait.

Nobody knows beforehand how long a statement takes. So each begins in a place for short ones. When it shows to be long
it moves to a place for long ones; where none is free, it is cancelled, and begins again when one is.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Protocol, TypeVar

from prometheus_client import Counter, Gauge
from starlette.requests import Request

from logpost.errors import LogpostError
from logpost_web.http.errors import ClientGoneError
from logpost_web.http.places import Place, Places

T = TypeVar("T")
Ask = Callable[[str], T]
"""Runs one statement under the tag that it is given, and returns what it gave. Blocks; any thread."""

log = logging.getLogger("web")

SHORT_SECONDS = 0.25
"""A statement that runs longer moves to a place for long ones, if one is free."""
SHORT_CPU_SECONDS = 0.1
SHORT_SECONDS_AT_MOST = 1.0
"""If none is, the statement is cancelled when it took more of the one or the other: time alone says little where the
machine is busy."""
SHORT_PLACES = 4
LONG_PLACES = 3
"""Statements of each kind that run at once. The engine uses all cores for each."""
LONG_PLACES_PER_CLIENT = 2
"""One client's long searches leave a place to another's."""
MAX_WAITING = 100
"""Statements that wait for a place of either kind; a search above is refused (429)."""
MAX_THREADS = 32
"""Statements that run, and those that are cancelled but did not end yet."""
CANCEL_AGAIN_SECONDS = 0.1
"""A statement is cancelled until it ends: its engine may not have known it the first time."""

RUNNING = Gauge("logpost_web_statements", "Statements of searches by state.", ["state"])
CANCELLED = Counter("logpost_web_statements_cancelled", "Statements that were ended early, by reason.", ["reason"])


class Engine(Protocol):
    """What runs the statements. Any thread; raises LogpostError where it refuses."""

    def cancel(self, tag: str) -> None:
        """End the statement with this tag soon, if it runs."""

    def cpu_seconds(self, tag: str) -> float:
        """What the statement with this tag used so far, 0 when none runs."""


class StatementPool:
    """For one event loop; `close()` afterwards."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # The newest first: somebody looks at an empty page, and those before it had their time in turn.
        self._short = Places(SHORT_PLACES, SHORT_PLACES, MAX_WAITING, newest_first=True)
        self._long = Places(LONG_PLACES, LONG_PLACES_PER_CLIENT, MAX_WAITING)
        self._threads = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="statement")
        # What is asked about statements must not wait behind them.
        self._asides = ThreadPoolExecutor(2 * MAX_THREADS, thread_name_prefix="aside")
        RUNNING.labels("short").set_function(lambda: self._short.taken)
        RUNNING.labels("long").set_function(lambda: self._long.taken)
        RUNNING.labels("waiting").set_function(lambda: self._short.waiting + self._long.waiting)

    def close(self) -> None:
        """Waits for the statements that are being cancelled."""
        self._threads.shutdown()
        self._asides.shutdown()

    async def run(self, request: Request, ask: Ask[T]) -> T:
        """Raises what `ask` does, NoPlaceError, and ClientGoneError when the client went away: the statement then
        ends."""
        client = request.client.host if request.client else ""
        work = asyncio.ensure_future(self._run(client, ask))
        gone = asyncio.ensure_future(_gone(request))
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return work.result()
            CANCELLED.labels("client_gone").inc()
            raise ClientGoneError
        finally:
            gone.cancel()
            work.cancel()

    async def _run(self, client: str, ask: Ask[T]) -> T:
        tag = uuid.uuid4().hex
        async with self._short.place(client) as place:
            with self._running(ask, tag) as running:
                if await self._is_short(running, tag, place):
                    return await running
        CANCELLED.labels("to_wait").inc()
        async with self._long.place(client):
            with self._running(ask, uuid.uuid4().hex) as running:
                return await running

    async def _is_short(self, running: asyncio.Future[T], tag: str, place: Place) -> bool:
        """Whether the statement ended in time or may go on in a place for long ones."""
        for _ in range(round(SHORT_SECONDS_AT_MOST / SHORT_SECONDS)):
            await asyncio.wait({running}, timeout=SHORT_SECONDS)
            if running.done() or place.move_to(self._long):
                return True
            if await self._cpu_seconds(tag) > SHORT_CPU_SECONDS:
                break
        return running.done()

    async def _cpu_seconds(self, tag: str) -> float:
        try:
            return await asyncio.wrap_future(self._asides.submit(self._engine.cpu_seconds, tag))
        except LogpostError:  # a server's user may not see what runs
            return 0.0

    @contextlib.contextmanager
    def _running(self, ask: Ask[T], tag: str) -> Iterator[asyncio.Future[T]]:
        """The statement in a thread; cancelled in its engine at the end of the block unless it is done."""
        job = self._threads.submit(ask, tag)
        running = asyncio.wrap_future(job)
        try:
            yield running
        finally:
            running.cancel()
            if not job.done():
                self._asides.submit(self._cancel, tag, job)

    def _cancel(self, tag: str, job: Future[T]) -> None:
        while not job.done():
            try:
                self._engine.cancel(tag)
            except LogpostError as error:
                log.warning("a statement that nobody waits for goes on to its time limit: %s", error)
                return
            wait([job], timeout=CANCEL_AGAIN_SECONDS)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
