"""Who gets the event loop next: long work is done in steps, and those who wait for their next step take turns.

The loop has one thread. What takes longer than `STEP_SECONDS` stands in line here for its next step, and so does a
connection that sent more requests than it may have answered at once. In each turn of the loop those in line get
`TURN_SECONDS` together; all others (a client with one small request, a timer, a sync that ended) stand in no line.
"""

from __future__ import annotations

import asyncio
import logging
import select
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError

STEP_SECONDS = 0.005
"""How long one step of long work may take."""
TURN_SECONDS = 0.005
"""What all in line get in one turn of the loop, except for the step that is begun when it ends."""

WORKS_AT_ONCE = 32
"""How many of those that wait for a disk run side by side."""

GIVE_WAY_SECONDS = 1e-6

T = TypeVar("T")
R = TypeVar("R")
logger = logging.getLogger("broker")


def give_way() -> None:
    """Called by a thread now and then: Python keeps its lock (GIL), which the event loop would else get back after 5 ms
    only. A sleep of 0 takes it again before the loop's thread is awake, and `time.sleep` fails where a library that
    shifts the clock is preloaded (libfaketime)."""
    select.select((), (), (), GIVE_WAY_SECONDS)


@dataclass(frozen=True, slots=True)
class Alone:
    """A call in a thread that takes much memory: no two of them at once."""

    call: Callable[[], Any]


_NOT_DONE = ApiError(ErrorCode.unknown_server_error)


class Holdable(Protocol):
    """A connection that can be made to wait."""

    @property
    def closed(self) -> bool: ...

    def hold(self) -> None:
        """Handle no further request, and read none, until everybody who held it has called `go_on`."""

    def go_on(self) -> None: ...


class Turns:
    """The line of one event loop."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._line: deque[Callable[[], None] | asyncio.Future[None]] = deque()
        self._is_turn_due = False
        self._alone = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._line)

    def stand_in_line(self, step: Callable[[], None]) -> None:
        """Call `step` when its turn comes, at the earliest in the next turn of the loop. What it raises is a bug, which
        costs nobody else a turn."""
        self._join(step)

    async def wait(self) -> None:
        """Return when the turn of the caller has come."""
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._join(mine)
        await mine

    async def each(self, items: Iterable[T]) -> AsyncIterator[T]:
        """The items, one by one; others are served whenever a step's time is used up."""
        end = self._clock() + STEP_SECONDS
        for item in items:
            if self._clock() > end:
                await self.wait()
                end = self._clock() + STEP_SECONDS
            yield item

    async def map(self, function: Callable[[T], R], items: Iterable[T]) -> tuple[R, ...]:
        """What `function` makes of each; others are served whenever a step's time is used up."""
        return tuple([function(item) async for item in self.each(items)])

    async def all_of(self, works: Sequence[Callable[[], Awaitable[T]]]) -> list[T | ApiError]:
        """What becomes of each, `WORKS_AT_ONCE` side by side, begun in steps."""
        results: list[T | ApiError] = [_NOT_DONE] * len(works)
        left = enumerate(works)

        async def work_off() -> None:
            async for number, work in self.each(left):
                try:
                    results[number] = await work()
                except ApiError as error:
                    results[number] = error

        await asyncio.gather(*(work_off() for _ in range(min(len(works), WORKS_AT_ONCE))))
        return results

    def begin(self, steps: Generator[None, None, T]) -> T | asyncio.Future[T]:
        """What the steps come to, now where the time of one is enough; else what will come of those that follow in
        their turns."""
        end = self._clock() + STEP_SECONDS
        while self._clock() <= end:
            try:
                next(steps)
            except StopIteration as last:
                result: T = last.value
                return result
        return asyncio.ensure_future(self._go_on(steps))

    async def _go_on(self, steps: Generator[None, None, T]) -> T:
        await self.wait()
        return await self.run(steps)

    async def run(self, steps: Generator[Callable[[], Any] | Alone | None, Any, T]) -> T:
        """What the steps come to. A call that they yield is made in a thread, and answered to them."""
        end = self._clock() + STEP_SECONDS
        answer = None
        while True:
            try:
                call = steps.send(answer)
            except StopIteration as last:
                result: T = last.value
                return result
            if isinstance(call, Alone):
                async with self._alone:
                    answer = await asyncio.to_thread(call.call)
            else:
                answer = None if call is None else await asyncio.to_thread(call)
            if call is not None or self._clock() > end:
                await self.wait()
                end = self._clock() + STEP_SECONDS

    def _join(self, one: Callable[[], None] | asyncio.Future[None]) -> None:
        self._line.append(one)
        if not self._is_turn_due:
            self._is_turn_due = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        end = self._clock() + TURN_SECONDS
        for _ in range(len(self._line)):
            one = self._line.popleft()
            if isinstance(one, asyncio.Future):
                if not one.done():
                    one.set_result(None)  # its step follows in the next turn of the loop, and is as long as all of this
                    break
            else:
                self._take(one)
            if self._clock() > end:
                break
        self._is_turn_due = bool(self._line)
        if self._is_turn_due:
            asyncio.get_running_loop().call_soon(self._turn)

    @staticmethod
    def _take(step: Callable[[], None]) -> None:
        try:
            step()
        except Exception:
            logger.exception("a step of long work failed")
