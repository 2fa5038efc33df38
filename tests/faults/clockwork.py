"""An event loop without chance: its clock jumps to the next timer, and what goes to a thread runs when told to."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar, TypeVarTuple, Unpack

from logpost_broker.errors import ApiError

T = TypeVar("T")
P = ParamSpec("P")
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
        self._jobs: list[tuple[asyncio.Future[Any] | Future[Any], Callable[[], Any]]] = []
        self.holds_jobs = False
        """What goes to a thread waits for `run_jobs`, except what a request waits for: writes of the metadata."""

    def time(self) -> float:
        return self._jumping.now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self.create_future()
        if executor is None:
            self._add(future, lambda: func(*args))
        else:
            self.call_soon(_run, future, lambda: func(*args))
        return future

    def _add(self, future: asyncio.Future[Any] | Future[Any], job: Callable[[], Any]) -> None:
        self._jobs.append((future, job))
        if not self.holds_jobs:
            self.call_soon(self.run_jobs)

    @property
    def executor(self) -> Executor:
        """In place of a pool of threads."""
        return _LoopExecutor(self._add)

    def run_jobs(self) -> None:
        jobs, self._jobs = self._jobs, []
        for future, job in jobs:
            _run(future, job)

    def drop_jobs(self) -> None:
        """The process is dead."""
        for future, _ in self._jobs:
            if isinstance(future, asyncio.Future):
                future.cancel()
        self._jobs = []


def _run(future: asyncio.Future[Any] | Future[Any], job: Callable[[], Any]) -> None:
    try:
        result = job()
    except (ApiError, OSError) as error:
        if not future.done():
            future.set_exception(error)
    else:
        if not future.done():
            future.set_result(result)


class _LoopExecutor(Executor):
    def __init__(self, add: Callable[[Future[Any], Callable[[], Any]], None]) -> None:
        self._add = add

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        self._add(future, lambda: fn(*args, **kwargs))
        return future
