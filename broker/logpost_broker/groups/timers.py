"""The timers that the core asks for, on the event loop's clock: a step of the wall clock expires nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from logpost_broker.groups.outcome import CancelTimer, SetTimer, TimerKey


class Timers:
    def __init__(self, expire: Callable[[TimerKey], None]) -> None:
        self._expire = expire
        self._handles: dict[TimerKey, asyncio.TimerHandle] = {}

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
                self._handles[timer.key] = loop.call_at(at, self._ring, timer.key)

    def _ring(self, key: TimerKey) -> None:
        del self._handles[key]
        self._expire(key)

    def cancel_all(self) -> None:
        for handle in self._handles.values():
            handle.cancel()
        self._handles.clear()
