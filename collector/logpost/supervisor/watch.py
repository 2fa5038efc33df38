"""Whether a part that runs still does its work, by what it says of itself (`systemd/notices.py`). Pure: the caller
measures time.

Silence counts only while the supervisor itself runs. A machine that slept, or a container that was frozen, makes no
part late.
"""

from __future__ import annotations

from collections.abc import Mapping

START_SECONDS = 120.0
"""How long a start may take without a word: to load a part from a slow disk."""
DRAIN_SECONDS = 30.0
"""How long a part that ends may take without a word."""
WATCH_SECONDS = 60.0
"""After which silence a part that runs is taken for hung, unless systemd's `WatchdogSec=` says otherwise."""
LONGEST_LOOK_SECONDS = 5.0


class Watch:
    """Of one part."""

    def __init__(self, watch_seconds: float = WATCH_SECONDS) -> None:
        self.watch_seconds = watch_seconds
        self.look_seconds = min(watch_seconds / 10, LONGEST_LOOK_SECONDS)
        """How often to look."""
        self.is_ready = False
        self.status = ""
        """What the part said last of itself, for people."""
        self._allowed = START_SECONDS
        self._silent = 0.0
        self._looked_at = 0.0

    def begin(self, now: float) -> None:
        """The part is started."""
        self.is_ready, self.status = False, ""
        self._allow(START_SECONDS)
        self._looked_at = now

    def drain(self) -> None:
        """The part is told to end."""
        self._allow(DRAIN_SECONDS)

    def hear(self, notice: Mapping[str, str]) -> None:
        """`notice`: fields of sd_notify."""
        self.status = notice.get("STATUS", self.status)
        if "STOPPING" in notice:
            self.drain()
        if "READY" in notice:
            self.is_ready = True
            self._allow(self.watch_seconds)
        for name in ("EXTEND_TIMEOUT_USEC", "WATCHDOG_USEC"):
            if name in notice:
                self._allow(int(notice[name]) / 1e6)
        if "WATCHDOG" in notice:
            self._silent = 0.0

    def look(self, now: float) -> float:
        """How long it has been silent, in seconds, where that is too long; else 0."""
        self._silent += min(now - self._looked_at, 2 * self.look_seconds)
        self._looked_at = now
        return self._silent if self._silent > self._allowed else 0.0

    def _allow(self, seconds: float) -> None:
        self._allowed, self._silent = seconds, 0.0
