"""Threads and locks of the operating system, also in a program whose own were replaced by gevent or eventlet.

There a call into librdkafka on a "thread" would stop all others: they share one.
"""

from __future__ import annotations

import _thread
import contextlib
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

_STEP_SECONDS = 0.005


def _original(name: str) -> Any:
    if (gevent := sys.modules.get("gevent.monkey")) is not None:
        return gevent.get_original("_thread", name)
    if (eventlet := sys.modules.get("eventlet.patcher")) is not None:
        return getattr(eventlet.original("_thread"), name)
    return getattr(_thread, name)


def start_thread(run: Callable[[], None]) -> None:
    """Run `run` in a thread that the end of the program does not wait for. Raises RuntimeError where there can be no
    more threads (since Python 3.12, while the interpreter ends)."""
    _original("start_new_thread")(run, ())


class Bell:
    """Wakes one waiting thread. Ringing never blocks, and may happen in a signal handler or a finalizer."""

    def __init__(self) -> None:
        self._lock = _original("allocate_lock")()
        self._lock.acquire()

    def ring(self) -> None:
        if self._lock.locked():
            with contextlib.suppress(RuntimeError):  # someone else rang meanwhile
                self._lock.release()

    def wait(self, seconds: float | None) -> None:
        """Until it rings or has rung, at most `seconds`. For threads of `start_thread` only."""
        self._lock.acquire(timeout=-1 if seconds is None else seconds)


def await_done(future: Future[Any]) -> None:
    """For threads of `start_thread` only. The future's own methods wait by the locks of `threading`: those of gevent
    make a hub for the thread, which may wait for the program's hub for ever, or crash when the program ends."""
    bell = Bell()
    future.add_done_callback(lambda _: bell.ring())
    bell.wait(None)


def wait_until(is_so: Callable[[], bool], seconds: float) -> bool:
    """Wait for `is_so`, at most `seconds`; returns whether it is so.

    Looks again and again: the caller may be a signal handler, which must hold no lock, or a greenlet, which must
    let others run.
    """
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() >= deadline:
            return False
        _sleep()
    return True


def _sleep() -> None:
    try:
        time.sleep(_STEP_SECONDS)
    except Exception:  # noqa: BLE001 - a signal handler in the event loop of gevent or eventlet: nothing may switch there
        Bell().wait(_STEP_SECONDS)
