"""The timers that the core asks for, on the event loop's clock: a step of the wall clock expires nobody.

Nor does the broker's own delay: a loop that was held up runs its timers before it reads what clients sent meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterable

from logpost_broker.coordinator.outcome import CancelTimer, SetTimer

LATE_SECONDS = 0.5
"""A timer that rings later than this waits again."""
GRACE_SECONDS = 1.0
"""Time for what has arrived to be read, and to arm the timer again."""


class Timers:
    def __init__(self, expire: Callable[[Hashable], None]) -> None:
        self._expire = expire
        self._handles: dict[Hashable, asyncio.TimerHandle] = {}

    def arm(self, timers: Iterable[SetTimer | CancelTimer], now_ms: int) -> None:
        """`now_ms`: what the core was told the time was when it asked."""
        loop = asyncio.get_running_loop()
        for timer in timers:
            if isinstance(timer, SetTimer) and timer.unless_set and timer.key in self._handles:
                continue
            handle = self._handles.pop(timer.key, None)
            if handle is not None:
                handle.cancel()
            if isinstance(timer, SetTimer):
                at = loop.time() + (timer.at_ms - now_ms) / 1000
                self._handles[timer.key] = loop.call_at(at, self._ring, timer.key, at)

    def _ring(self, key: Hashable, at: float) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() - at > LATE_SECONDS:
            self._handles[key] = loop.call_later(GRACE_SECONDS, self._run_down, key)
        else:
            self._run_down(key)

    def _run_down(self, key: Hashable) -> None:
        del self._handles[key]
        self._expire(key)

    def cancel_all(self) -> None:
        for handle in self._handles.values():
            handle.cancel()
        self._handles.clear()
