"""Runs of records in the same state. A list of runs is sorted, and every run begins where the one before it ends: a
thousand records that are finished are one run."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from logpost_broker.groups.share.events import RecordState


class Run(NamedTuple):
    first: int
    last: int
    state: RecordState
    delivery_count: int
    member_id: str = ""
    """Who has acquired it."""
    locked_until_ms: int = 0

    @property
    def size(self) -> int:
        return self.last - self.first + 1

    def cut(self, first: int, last: int) -> Run:
        """The part of it that lies in a range."""
        if first <= self.first and self.last <= last:
            return self
        return self._replace(first=max(self.first, first), last=min(self.last, last))


def within(runs: list[Run], first: int, last: int) -> Iterator[Run]:
    """What lies in a range, cut to it."""
    for number in range(bisect_left(runs, first, key=lambda run: run.last), len(runs)):
        run = runs[number]
        if run.first > last:
            return
        yield run.cut(first, last)


def overlay(runs: list[Run], new: Run) -> None:
    """`new` takes the place of what was there; it begins at or before the end of the runs."""
    low = high = bisect_left(runs, new.first, key=lambda run: run.last)
    while high < len(runs) and runs[high].first <= new.last:
        high += 1
    replaced = runs[low:high]
    before = [run.cut(run.first, new.first - 1) for run in replaced[:1] if run.first < new.first]
    after = [run.cut(new.last + 1, run.last) for run in replaced[-1:] if run.last > new.last]
    # The neighbours too may be of the same kind now.
    start, end = max(0, low - 1), high + 1
    runs[start:end] = merged([*runs[start:low], *before, new, *after, *runs[high:end]])


def overlaid(runs: list[Run], news: Iterable[Run]) -> list[Run]:
    """As `overlay` with each of `news`, which are in order and do not overlap, in one pass over both."""
    left = runs[::-1]
    """The next is the last."""
    after: list[Run] = []
    for new in news:
        while left and left[-1].first <= new.last:
            run = left.pop()
            if run.first < new.first:
                after.append(run.cut(run.first, new.first - 1))
            if run.last > new.last:
                left.append(run.cut(new.last + 1, run.last))
        after.append(new)
    return merged([*after, *reversed(left)])


def merged(runs: list[Run]) -> list[Run]:
    """Neighbours of the same kind as one. There may be holes between the runs given."""
    kinds: list[Run] = []
    for run in runs:
        if kinds and kinds[-1].last + 1 == run.first and kinds[-1][2:] == run[2:]:
            kinds[-1] = kinds[-1]._replace(last=run.last)
        else:
            kinds.append(run)
    return kinds
