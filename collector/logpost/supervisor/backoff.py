"""How long a part that died waits before it is started again. Pure: the caller measures time."""

from __future__ import annotations

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 30.0
SETTLED_SECONDS = 60.0


class Backoff:
    """Doubles from FIRST_SECONDS to LONGEST_SECONDS; a run of SETTLED_SECONDS begins again at the first."""

    def __init__(self) -> None:
        self._next = FIRST_SECONDS

    def delay(self, ran_seconds: float) -> float:
        """Seconds to wait after a run that lasted `ran_seconds`."""
        if ran_seconds >= SETTLED_SECONDS:
            self._next = FIRST_SECONDS
        delay = self._next
        self._next = min(2 * delay, LONGEST_SECONDS)
        return delay
