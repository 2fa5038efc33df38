"""Turns that can be counted, and a connection that nobody closes: for tests that ask a handler itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable

from logpost_broker.turns import STEP_SECONDS, Turns


class CountedTurns(Turns):
    """Each look at the clock finds a step's time used up; or so many of them."""

    def __init__(self, looks: int = 1) -> None:
        self.waits = 0
        self._looks = looks
        self._now = 0.0
        self._awaited: dict[int, asyncio.Event] = {}
        super().__init__(self._later)

    def _later(self) -> float:
        self._now += STEP_SECONDS * 1.1 / self._looks
        return self._now

    async def wait(self) -> None:
        self.waits += 1
        self._awaited.get(self.waits, asyncio.Event()).set()
        await super().wait()

    async def after(self, waits: int) -> None:
        """Return when there were so many more."""
        reached = self._awaited[self.waits + waits] = asyncio.Event()
        await reached.wait()


class Open:
    """A connection that nobody closes."""

    closed = False

    def hold(self) -> None: ...

    def go_on(self) -> None: ...

    def when_lost(self, key: Hashable, call: Callable[[], None]) -> None: ...
