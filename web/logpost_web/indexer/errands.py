"""What other threads have done by the indexer's thread, between two blocks: nothing is inserted meanwhile, and all that
was is accounted for."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from logpost.errors import LogpostError

T = TypeVar("T")

WAIT_SECONDS = 60.0
"""A block takes seconds at most, where the store works."""


class BusyError(LogpostError):
    """The indexer does not come to it."""


class Errands:
    def __init__(self, *told: type[Exception]) -> None:
        """`told`: of the errors of the work those that, beside LogpostError and OSError, are for who asked alone. Any
        other also goes on where the work is done."""
        self._told: tuple[type[Exception], ...] = (LogpostError, OSError, *told)
        self._waiting: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any], bool]] = queue.SimpleQueue()
        self.alone = threading.Lock()
        """Of who is at a backup or at a restore."""

    def put(self, work: Callable[[], T], *, changes: bool = False) -> Future[T]:
        """Where what `work` returns or raises will be; cancelled before it is begun it is not done. Any thread."""
        answer: Future[T] = Future()
        self._waiting.put((work, answer, changes))
        return answer

    def ask(self, work: Callable[[], T], *, changes: bool) -> T:
        """What `work` returns; `changes`: whether it changes the store. Blocks; any thread but the indexer's. Raises
        what `work` does, and BusyError."""
        answer = self.put(work, changes=changes)
        try:
            return answer.result(WAIT_SECONDS)
        except TimeoutError as error:
            if answer.cancel():
                raise BusyError("the indexer is busy, or the store fails: see /readyz, and try again") from error
            return answer.result()  # it is at it

    @property
    def are_waiting(self) -> bool:
        return not self._waiting.empty()

    def run(self) -> bool:
        """All that wait; whether the store was changed. In the indexer's thread."""
        changed = False
        while not self._waiting.empty():
            work, answer, changes = self._waiting.get()
            if answer.set_running_or_notify_cancel():
                try:
                    answer.set_result(work())
                except self._told as error:
                    answer.set_exception(error)
                except BaseException as error:
                    answer.set_exception(error)  # or who asked would wait for ever
                    raise
                changed |= changes
        return changed
