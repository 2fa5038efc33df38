"""A token bucket over lines, and the record that says how many it dropped. Pure: time is passed in."""

from __future__ import annotations

import time
from dataclasses import dataclass

from logpost.agent.delivery.records import NANOSECONDS


@dataclass(slots=True, kw_only=True)
class Drops:
    """Lines dropped in a row, from the first one's time to the last one's, Unix nanoseconds."""

    lines: int = 0
    first_ns: int = 0
    last_ns: int = 0

    def add(self, now_ns: int) -> None:
        if not self.lines:
            self.first_ns = now_ns
        self.lines += 1
        self.last_ns = now_ns

    def sentence(self, rate: int) -> str:
        """The message of the record that stands for the dropped lines."""
        first, last = (
            time.strftime("%H:%M:%S", time.gmtime(ns // NANOSECONDS)) for ns in (self.first_ns, self.last_ns)
        )
        return f"{self.lines} lines dropped by max_lines_per_second = {rate}, {first} to {last} UTC"


class RateLimit:
    """Lets `rate` lines a second through, a second's worth at once."""

    def __init__(self, rate: int, now_ns: int) -> None:
        self.rate = rate
        self.drops = Drops()
        self._tokens = float(rate)
        self._at_ns = now_ns

    def admits(self, now_ns: int) -> bool:
        """Take a token for one line; False when there is none."""
        self._tokens = min(self.rate, self._tokens + self.rate * max(0, now_ns - self._at_ns) / NANOSECONDS)
        self._at_ns = now_ns
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def take_drops(self) -> Drops:
        """The drops since the last call."""
        drops, self.drops = self.drops, Drops()
        return drops
