"""Statements of many threads, and a moment in which none runs."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator


class Gate:
    """Open for all at once, or closed by one who waits until all have left."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._closer: int | None = None

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Waits while the gate is closed, except in the thread that closed it."""
        with self._changed:
            self._changed.wait_for(lambda: self._closer in (None, threading.get_ident()))
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @contextlib.contextmanager
    def closed(self, seconds: float | None = None) -> Iterator[bool]:
        """Nobody is inside. One thread closes at a time, and not from inside. False where some have not left after
        `seconds`: then it is open."""
        with self.held(seconds) as is_closed:
            if not is_closed:
                self._open()
            yield is_closed

    @contextlib.contextmanager
    def held(self, seconds: float | None) -> Iterator[bool]:
        """Who comes waits, except this thread. Those inside have `seconds` to leave, and may stay: whether all have
        left. One thread at a time closes or holds it, and not from inside."""
        with self._changed:
            self._closer = threading.get_ident()
            have_left = self._changed.wait_for(lambda: not self._inside, seconds)
        try:
            yield have_left
        finally:
            self._open()

    def _open(self) -> None:
        with self._changed:
            self._closer = None
            self._changed.notify_all()
