"""What time it is for retention. Pure.

A clock that leaps ahead (a dead battery, a snapshot, a start before NTP) would make everything expired at once. Within
an hour of running the clock may go ahead by a day; a box that was off, or slept, by thirty. What is more is not
believed: then time goes on from the last that was, as fast as it passes, until the clock is within bounds again.
"""

from __future__ import annotations

from logpost_web.retention.units import DAY_MS, HOUR_MS

MAX_LEAP_MS = DAY_MS
MAX_OFF_MS = 30 * DAY_MS


class RetentionClock:
    def __init__(self, latest_ms: int = 0) -> None:
        """`latest_ms`: the latest time that was ever believed, in Unix milliseconds; 0 when nothing is known."""
        self.latest_ms = latest_ms
        self.now_ms = latest_ms
        self._passed_ms: int | None = None
        self.ahead_ms = 0
        """By how much the clock is ahead of what is believed."""

    def read(self, wall_ms: int, passed_ms: int) -> int:
        """Unix milliseconds. `wall_ms`: of the box's clock; `passed_ms`: of one that never goes back."""
        passed = None if self._passed_ms is None else passed_ms - self._passed_ms
        self._passed_ms = passed_ms
        was_off = passed is None or passed > HOUR_MS
        elapsed = 0 if passed is None else min(passed, HOUR_MS)
        latest = self.latest_ms + elapsed
        bound = latest + (MAX_OFF_MS if was_off else MAX_LEAP_MS)
        if not self.latest_ms or wall_ms <= bound:
            self.now_ms, self.ahead_ms = wall_ms, 0
            self.latest_ms = max(self.latest_ms, wall_ms)
        else:
            # It has passed, whatever the clock says.
            self.now_ms, self.latest_ms = latest, latest
            self.ahead_ms = wall_ms - latest
        return self.now_ms
