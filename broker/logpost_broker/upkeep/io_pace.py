"""A limit for background IO: a thread that keeps telling what it read and wrote is made to wait."""

from __future__ import annotations

import threading
import time

SHORTEST_WAIT_SECONDS = 0.002
BURST_SECONDS = 0.02
"""What may be caught up of time in which nothing was read."""


class StoppedError(Exception):
    """The work must end."""


class IoPace:
    def __init__(self, bytes_per_second: int) -> None:
        """0 is no limit."""
        self.bytes_per_second = bytes_per_second
        self._stopped = threading.Event()
        self._free_at = time.monotonic()

    def stop(self) -> None:
        """Let the work end at its next call, and those who wait at once. From any thread."""
        self._stopped.set()

    def __call__(self, size_bytes: int) -> None:
        """Wait until so much more may be read or written. Raises StoppedError."""
        if self.bytes_per_second:
            now = time.monotonic()
            self._free_at = max(self._free_at, now - BURST_SECONDS) + size_bytes / self.bytes_per_second
            if self._free_at - now > SHORTEST_WAIT_SECONDS:
                self._stopped.wait(self._free_at - now)
        if self._stopped.is_set():
            raise StoppedError
