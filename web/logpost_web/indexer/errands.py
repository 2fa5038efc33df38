"""What other threads have done by the indexer's thread, between two blocks: nothing is inserted meanwhile, and all that
was is accounted for."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from logpost.errors import LogpostError

T = TypeVar("T")

WAIT_SECONDS = 60.0
"""A block takes seconds at most, where the store works."""


class BusyError(LogpostError):
    """The indexer does not come to it."""


class Errands:
    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[tuple[Callable[[], object], Future[object], bool]] = queue.SimpleQueue()
        self.alone = threading.Lock()
        """Of who is at a backup or at a restore."""

    def ask(self, work: Callable[[], T], *, changes: bool) -> T:
        """What `work` returns; `changes`: whether it changes the store. Blocks; any thread but the indexer's. Raises
        what `work` does, and BusyError."""
        answer: Future[object] = Future()
        self._waiting.put((work, answer, changes))
        try:
            return answer.result(WAIT_SECONDS)  # type: ignore[return-value]  # of the work that was put there
        except TimeoutError as error:
            if answer.cancel():
                raise BusyError("the indexer is busy, or the store fails: see /readyz, and try again") from error
            return answer.result()  # type: ignore[return-value]  # it is at it

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
                except (LogpostError, OSError) as error:
                    answer.set_exception(error)
                except BaseException as error:
                    answer.set_exception(error)  # or who asked would wait for ever
                    raise
                changed |= changes
        return changed
