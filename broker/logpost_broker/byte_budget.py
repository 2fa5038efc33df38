"""A bound on the bytes that all connections hold together: requests that are not whole yet, answers that are not sent.

Above it the holding ends that began first: one that goes on is soon over, and what lasts is slow or means harm.
"""

from __future__ import annotations

from typing import Protocol


class Holder(Protocol):
    def end(self, reason: str) -> None:
        """Close; what was held is free."""


class ByteBudget:
    def __init__(self, limit_bytes: int, setting: str) -> None:
        """`setting`: what the limit is called."""
        self.limit_bytes = limit_bytes
        self._setting = setting
        self._held: dict[Holder, int] = {}
        self.total_bytes = 0

    @property
    def left_bytes(self) -> int:
        return max(0, self.limit_bytes - self.total_bytes)

    def hold(self, holder: Holder, size_bytes: int) -> None:
        """`holder` has so many bytes now, 0 for none. Who holds alone may go above the limit: one
        request and one answer have limits of their own."""
        before = self._held.get(holder, 0)
        if size_bytes == before:
            return
        self.total_bytes += size_bytes - before
        if size_bytes:
            self._held[holder] = size_bytes
        else:
            del self._held[holder]
        while self.total_bytes > self.limit_bytes and len(self._held) > 1:
            oldest = next(iter(self._held))
            self.total_bytes -= self._held.pop(oldest)
            oldest.end(f"connections hold more than {self.limit_bytes} bytes ({self._setting})")
