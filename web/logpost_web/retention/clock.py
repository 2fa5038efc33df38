"""What time it is for retention. Pure.

A clock that leaps ahead (a dead battery, a snapshot, a start before NTP) would make everything expired at once. Where
it is known how much time passed, the clock may be ahead of that by a day; after a start of the box, of which nobody
knows how long it was off, by thirty days. What is more is not believed: then time goes on from the last that was, as
fast as it passes, until the clock is within a day of it again, or somebody says that it is right.
"""

from __future__ import annotations

from dataclasses import dataclass

from logpost_web.retention.units import DAY_MS, Unit

MAX_LEAP_MS = DAY_MS
MAX_OFF_MS = 30 * DAY_MS


@dataclass(frozen=True, slots=True)
class Believed:
    """What a clock must know after a start. `latest_ms`: the latest time that was ever believed, in Unix milliseconds,
    0 when nothing is known; it was believed `passed_ms` after the box's start `boot`. `doubted_ms`: the believed time
    at which the clock leapt, 0 while it is believed."""

    latest_ms: int = 0
    boot: str = ""
    passed_ms: int = 0
    doubted_ms: int = 0


@dataclass(frozen=True, slots=True)
class Late:
    """Rows that came while a clock was not believed that was right: those that lie in [from_ms, to_ms) arrived `by_ms`
    later than the store says."""

    from_ms: int
    to_ms: int
    by_ms: int

    def has(self, unit: Unit) -> bool:
        """Whether some of its rows may be of them."""
        return unit.start_ms < self.to_ms and unit.end_ms > self.from_ms


class RetentionClock:
    def __init__(self, known: Believed = Believed(), boot: str = "") -> None:
        """`boot`: which start of the box this is, empty where that is not known."""
        self._boot = boot
        self.latest_ms = self.now_ms = known.latest_ms
        self._doubted_ms = known.doubted_ms
        self._passed_ms = known.passed_ms if boot and boot == known.boot else None
        self._wall_ms = 0
        self.ahead_ms = 0
        """By how much the clock is ahead of what is believed."""

    def learn(self, ms: int) -> None:
        """Something happened at this time; of use where nothing else is known."""
        self.latest_ms = self.latest_ms or ms

    def read(self, wall_ms: int, passed_ms: int) -> int:
        """Unix milliseconds. `wall_ms`: of the box's clock; `passed_ms`: since the box started."""
        passed = None if self._passed_ms is None else max(passed_ms - self._passed_ms, 0)
        self._passed_ms, self._wall_ms = passed_ms, wall_ms
        latest = self.latest_ms + (passed or 0)
        leap = MAX_OFF_MS if passed is None and not self._doubted_ms else MAX_LEAP_MS
        if not self.latest_ms or wall_ms <= latest + leap:
            self.now_ms, self.ahead_ms, self._doubted_ms = wall_ms, 0, 0
            self.latest_ms = max(self.latest_ms, wall_ms)
        else:
            # It has passed, whatever the clock says.
            self.now_ms, self.latest_ms = latest, latest
            self.ahead_ms = wall_ms - latest
            self._doubted_ms = self._doubted_ms or latest
        return self.now_ms

    def believe(self) -> Late | None:
        """The clock as it was read last is right. Returns which rows came meanwhile."""
        if not self.ahead_ms:
            return None
        late = Late(self._doubted_ms, self.latest_ms + 1, self.ahead_ms)
        self.now_ms = self.latest_ms = self._wall_ms
        self.ahead_ms = self._doubted_ms = 0
        return late

    @property
    def believed(self) -> Believed:
        return Believed(self.latest_ms, self._boot, self._passed_ms or 0, self._doubted_ms)
