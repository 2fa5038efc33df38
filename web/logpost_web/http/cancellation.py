"""Blocking statements, in threads beside the event loop: cancelled when nobody waits for them any more, and never so
many long ones that a short one has to wait.

Nobody knows beforehand how long a statement takes. So each begins in a place for short ones. When it shows to be long
it moves to a place for long ones; where none is free, it is cancelled, and begins again when one is. One that needs
more memory than others begins again alone in the place for heavy ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol, TypeVar

from prometheus_client import Counter, Gauge
from starlette.requests import Request

from logpost.errors import LogpostError
from logpost_web.http.errors import ClientGoneError, OutOfTimeError, StoppedError
from logpost_web.http.places import Place, Places
from logpost_web.http.running import Search, search_of

T = TypeVar("T")

log = logging.getLogger("web")

SHORT_SECONDS = 0.25
"""A statement that runs longer moves to a place for long ones, if one is free."""
SHORT_CPU_SECONDS = 0.1
SHORT_SECONDS_AT_MOST = 1.0
"""If none is, the statement is cancelled when it took more of the one or the other: time alone says little where the
machine is busy."""
ENDING_THREADS = 24
"""For statements that are cancelled but did not end yet, beside those that hold a place."""
CANCEL_AGAIN_SECONDS = 0.1
"""A statement is cancelled until it ends: its engine may not have known it the first time."""
LATE_SECONDS = 0.5
"""How long after its time a statement is waited for: the engine looks at the clock between two blocks of rows."""

RUNNING = Gauge("logpost_web_statements", "Statements of searches by state.", ["state"])
CANCELLED = Counter("logpost_web_statements_cancelled", "Statements that were ended early, by reason.", ["reason"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`short`, `long`: statements of each kind that run at once; the engine uses all cores for each. `waiting`: those
    of a client that may wait for a place of each kind. `seconds`: how long one may run."""

    short: int
    long: int
    waiting: int
    seconds: float

    @property
    def long_per_client(self) -> int:
        """One client's long searches leave a place to another's."""
        return max(1, self.long - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """To run a statement: under this tag, for so long at most, which is what `limit` has left. `is_heavy`: with the
    memory of a heavy one."""

    tag: str
    seconds: float
    limit: float
    is_heavy: bool


Ask = Callable[[Attempt], T]
"""Runs one statement, and returns what it gave. Blocks; any thread. Raises NeedsMoreError where it may be heavy."""


class NeedsMoreError(Exception):
    """The statement needs more memory than one has that is not heavy."""


class Engine(Protocol):
    """What runs the statements. Any thread; raises LogpostError where it refuses."""

    def cancel(self, tag: str) -> None:
        """End the statement with this tag soon, if it runs."""

    def cpu_seconds(self, tag: str) -> float:
        """What the statement with this tag used so far, 0 when none runs."""


class StatementPool:
    """For one event loop; `close()` afterwards."""

    def __init__(self, engine: Engine, limits: Limits) -> None:
        self._engine = engine
        self._seconds = limits.seconds
        # The newest first: somebody looks at an empty page, and those before it had their time in turn.
        self._short = Places(limits.short, limits.short, limits.waiting, newest_first=True)
        self._long = Places(limits.long, limits.long_per_client, limits.waiting)
        self._heavy = Places(1, 1, limits.waiting)
        # As many as there are places at the least: who holds one waits for no thread.
        threads = limits.short + limits.long + 1 + ENDING_THREADS
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="statement")
        # What is asked about statements must not wait behind them.
        self._asides = ThreadPoolExecutor(2 * threads, thread_name_prefix="aside")
        kinds = {"short": self._short, "long": self._long, "heavy": self._heavy}
        for name, places in kinds.items():
            RUNNING.labels(name).set_function(partial(getattr, places, "taken"))
        RUNNING.labels("waiting").set_function(lambda: sum(places.waiting for places in kinds.values()))

    def close(self) -> None:
        """Waits for the statements that are being cancelled."""
        self._threads.shutdown()
        self._asides.shutdown()

    async def run(self, request: Request, ask: Ask[T]) -> T:
        """Raises what `ask` does, NoPlaceError, OutOfTimeError, StoppedError, and ClientGoneError when the client went
        away: the statement then ends."""
        search = search_of(request)
        work = asyncio.ensure_future(self._run(search, ask))
        gone = asyncio.ensure_future(_gone(request))
        stopped = asyncio.ensure_future(search.stopped.wait())
        try:
            left = search.deadline - _now() + LATE_SECONDS
            await asyncio.wait(
                {work, gone, stopped},
                timeout=left if search.timeout else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if work.done():
                return work.result()
            reason, error = _why(search, gone, stopped)
            CANCELLED.labels(reason).inc()
            raise error
        finally:
            for task in (gone, stopped, work):
                task.cancel()

    async def _run(self, search: Search, ask: Ask[T]) -> T:
        try:
            return await self._short_or_long(search, ask)
        except NeedsMoreError:
            CANCELLED.labels("memory").inc()
        async with self._heavy.place(search.who):
            with self._running(search, ask, is_heavy=True) as (running, attempt):
                return await _in_time(running, attempt)

    async def _short_or_long(self, search: Search, ask: Ask[T]) -> T:
        async with self._short.place(search.who) as place:
            with self._running(search, ask) as (running, attempt):
                if await self._is_short(running, attempt, place):
                    return await _in_time(running, attempt)
        CANCELLED.labels("to_wait").inc()
        async with self._long.place(search.who):
            with self._running(search, ask) as (running, attempt):
                return await _in_time(running, attempt)

    async def _is_short(self, running: asyncio.Future[T], attempt: Attempt, place: Place) -> bool:
        """Whether the statement ended in time or may go on in a place for long ones."""
        for _ in range(round(SHORT_SECONDS_AT_MOST / SHORT_SECONDS)):
            await asyncio.wait({running}, timeout=SHORT_SECONDS)
            if running.done() or place.move_to(self._long):
                return True
            if await self._cpu_seconds(attempt.tag) > SHORT_CPU_SECONDS:
                break
        return running.done()

    async def _cpu_seconds(self, tag: str) -> float:
        try:
            return await asyncio.wrap_future(self._asides.submit(self._engine.cpu_seconds, tag))
        except LogpostError:  # a server's user may not see what runs
            return 0.0

    @contextlib.contextmanager
    def _running(
        self, search: Search, ask: Ask[T], *, is_heavy: bool = False
    ) -> Iterator[tuple[asyncio.Future[T], Attempt]]:
        """The statement in a thread; cancelled in its engine at the end of the block unless it is done."""
        seconds = min(self._seconds, search.deadline - _now())
        if seconds <= 0:
            raise OutOfTimeError(search.timeout)
        attempt = Attempt(
            tag=uuid.uuid4().hex, seconds=seconds, limit=search.timeout or self._seconds, is_heavy=is_heavy
        )
        job = self._threads.submit(ask, attempt)
        running = asyncio.wrap_future(job)
        search.tag = attempt.tag
        try:
            yield running, attempt
        finally:
            search.tag = ""
            running.cancel()
            if not job.done():
                self._asides.submit(self._cancel, attempt.tag, job)

    def _cancel(self, tag: str, job: Future[T]) -> None:
        while not job.done():
            try:
                self._engine.cancel(tag)
            except LogpostError as error:
                log.warning("a statement that nobody waits for goes on to its time limit: %s", error)
                return
            wait([job], timeout=CANCEL_AGAIN_SECONDS)


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _in_time(running: asyncio.Future[T], attempt: Attempt) -> T:
    """Raises OutOfTimeError where the engine did not end it: inside of a function it looks at no clock."""
    await asyncio.wait({running}, timeout=attempt.seconds + LATE_SECONDS)
    if not running.done():
        CANCELLED.labels("time").inc()
        raise OutOfTimeError(attempt.limit)
    return running.result()


def _why(search: Search, gone: asyncio.Task[None], stopped: asyncio.Task[Literal[True]]) -> tuple[str, Exception]:
    if stopped.done():
        return "stopped", StoppedError()
    if gone.done():
        return "client_gone", ClientGoneError()
    return "time", OutOfTimeError(search.timeout)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
