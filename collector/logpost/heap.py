"""What a process has freed goes back to the system: glibc keeps it for the next time, which a quiet host may never see.

An agent that has caught up with 2 MB of lines keeps 11 MB more than it needs.
"""

from __future__ import annotations

from collections.abc import Callable

REST_SECONDS = 60.0
"""To give it back takes up to 30 ms, and to get it again some page faults."""
LEAST_BYTES = 1024 * 1024
"""What has to go through the process before it is worth it."""


class Heap:
    """Used by one thread, which measures time in seconds."""

    def __init__(self, now: float, give_back: Callable[[], None] | None = None) -> None:
        self._give_back = give_back or _malloc_trim
        self._given_back_at = now
        self._bytes = 0

    def rests(self, now: float, total_bytes: int) -> None:
        """Nothing is under way; `total_bytes` went through the process so far."""
        if now - self._given_back_at >= REST_SECONDS and total_bytes - self._bytes >= LEAST_BYTES:
            self._give_back()
            self._given_back_at, self._bytes = now, total_bytes


def _malloc_trim() -> None:
    import ctypes  # when it is needed only

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # not in every C library
    if trim is not None:
        trim(0)
