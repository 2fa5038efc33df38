"""Wakes the reading loop: an event file descriptor that any thread writes to."""

from __future__ import annotations

import os
import select


class Wake:
    """It never says what there is to do: each source looks for itself, so that a lost event costs delay and no data."""

    def __init__(self) -> None:
        self._fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._poll = select.poll()  # select() ends at descriptor 1023, and each file that is tailed has one
        self._poll.register(self._fd, select.POLLIN)

    def wait(self, timeout: float) -> bool:
        """Until `wake` is called, at most `timeout` seconds; returns whether it was."""
        if not self._poll.poll(max(0.0, timeout) * 1000):
            return False
        os.eventfd_read(self._fd)
        return True

    def wake(self) -> None:
        """End the wait; from any thread or signal handler, also after `close`."""
        if self._fd >= 0:
            os.eventfd_write(self._fd, 1)

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        os.close(fd)
