"""The stage that lets a number of lines a second through: a token bucket, and the event that says how many it
dropped. Pure: time is passed in."""

from __future__ import annotations

import datetime

from logpost.agent.delivery.records import NANOSECONDS
from logpost.agent.metrics.counts import Counts
from logpost.agent.stages.event import Event, Mark
from logpost.formats import Parsed


class Limit:
    """Lets `rate` lines a second through, a second's worth at once."""

    def __init__(self, rate: int, now_ns: int, counts: Counts) -> None:
        self.dropped = 0
        """Lines in a row since the last report."""
        self._rate = rate
        self._counts = counts
        self._tokens = float(rate)
        self._at_ns = now_ns
        self._end = self._first_ns = self._last_ns = 0
        self._drops_line = False
        """Of a line that comes in pieces the rest goes with a piece that was dropped."""

    def apply(self, event: Event, now_ns: int) -> Event | None:
        self._tokens = min(self._rate, self._tokens + self._rate * max(0, now_ns - self._at_ns) / NANOSECONDS)
        self._at_ns = now_ns
        if self._tokens >= 1 and not (self._drops_line and event.marks & Mark.CONTINUED):
            self._tokens -= 1
            self._drops_line = False
            return event
        self._drops_line = True
        if not self.dropped:
            self._first_ns = now_ns
        self._end, self._last_ns = event.end, now_ns
        self.dropped += 1
        self._counts.dropped += 1
        return None

    def report(self) -> Event:
        """What stands for the lines that were dropped since the last call."""
        first, last = (_time_of_day(ns) for ns in (self._first_ns, self._last_ns))
        said = f"{self.dropped} lines dropped by max_lines_per_second = {self._rate}, {first} to {last} UTC"
        parsed = Parsed(said, level="warn", attrs={"dropped_lines": self.dropped})
        self.dropped = 0
        return Event(self._end, said, parsed=parsed)


def _time_of_day(ns: int) -> str:
    return f"{datetime.datetime.fromtimestamp(ns // NANOSECONDS, datetime.UTC):%H:%M:%S}"
