"""An event loop without chance: its clock jumps to the next timer, and what goes to a thread runs when told to."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class _JumpingSelector(selectors.SelectSelector):
    """Nothing comes from outside: instead of waiting, time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "everything waits for something that cannot come"
        self.now += max(timeout, 0)
        return []


class ClockworkLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)
        self._jobs: list[tuple[asyncio.Future[Any], Callable[[], Any]]] = []
        self.holds_jobs = False
        """What goes to a thread waits for `run_jobs`."""

    def time(self) -> float:
        return self._jumping.now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self.create_future()
        self._jobs.append((future, lambda: func(*args)))
        if not self.holds_jobs:
            self.call_soon(self.run_jobs)
        return future

    def run_jobs(self) -> None:
        jobs, self._jobs = self._jobs, []
        for future, job in jobs:
            try:
                result = job()
            except OSError as error:
                if not future.done():
                    future.set_exception(error)
            else:
                if not future.done():
                    future.set_result(result)

    def drop_jobs(self) -> None:
        """The process is dead."""
        for future, _ in self._jobs:
            future.cancel()
        self._jobs = []
