"""A set of integers as intervals. Pure.

Nearly always one interval: what a stream has stored, or which offsets a partition has. Late is not double: an interval
that comes after a gap leaves the gap open.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator


class IntervalSet:
    """Half-open intervals [start, end), disjoint and never touching, in order."""

    __slots__ = ("_ends", "_starts")

    def __init__(self, intervals: Iterable[tuple[int, int]] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in intervals:
            self.add(start, end)

    def add(self, start: int, end: int) -> None:
        """Nothing happens when `end` <= `start`."""
        if end <= start:
            return
        if self._ends and start == self._ends[-1]:  # the usual case: the next piece of the last interval
            self._ends[-1] = end
            return
        first = bisect.bisect_left(self._ends, start)
        last = bisect.bisect_right(self._starts, end)
        if first < last:
            start = min(start, self._starts[first])
            end = max(end, self._ends[last - 1])
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]

    def add_new(self, start: int, end: int) -> bool:
        """`add`, and whether none of [start, end) was in the set."""
        if not self._ends or start >= self._ends[-1]:  # the usual case: nothing lies behind
            self.add(start, end)
            return True
        is_new = not self.overlaps(start, end)
        self.add(start, end)
        return is_new

    def covers(self, start: int, end: int) -> bool:
        """Whether all of [start, end) is in the set."""
        found = bisect.bisect_right(self._starts, start) - 1
        return found >= 0 and end <= self._ends[found]

    def overlaps(self, start: int, end: int) -> bool:
        """Whether any of [start, end) is in the set."""
        found = bisect.bisect_right(self._ends, start)
        return found < len(self._starts) and self._starts[found] < end

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._starts, self._ends, strict=True)
