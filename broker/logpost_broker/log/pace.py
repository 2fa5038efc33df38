"""Says of a walk through batches, which may take minutes, that it gets on."""

from __future__ import annotations

from collections.abc import Callable

ADVANCE_BYTES = 4 * 1024 * 1024
"""In batches of a line each that is half a second."""


class Pace:
    def __init__(self, advance: Callable[[], None]) -> None:
        self._advance = advance
        self._said = 0

    def to(self, position: int) -> None:
        """The walk has come there, in bytes. Raises what `advance` raises, to end the walk."""
        if position - self._said >= ADVANCE_BYTES:
            self._said = position
            self._advance()
