"""How far a partition is read: where it goes on, and what it leaps over because the store has it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from logpost_web.indexer.manifest import ENDLESS, Last, Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What the broker has of a partition: offsets [start, end). `committed`: what the group committed, 0 for nothing,
    for the life `committed_id`, which is empty when it is not known."""

    topic_id: str
    committed: int
    committed_id: str = ""
    start: int
    end: int


class Reading:
    """Of one partition, from an assignment on."""

    def __init__(self, manifest: Manifest, bounds: Bounds) -> None:
        self.manifest = manifest
        self._start = bounds.start
        self.end = bounds.end
        self.position = manifest.first_lacking(bounds.start)
        """The next offset that is wanted."""
        self.expected = self.position
        """The next offset that comes is this one or a later one, or else the log went back."""
        self._accounted = self.position
        self._ahead = manifest.ahead(self.position)
        self.refilled_at = self._refilled_at(bounds)
        """The offset below which the store lacks what it had, or what the group says that it had; 0 when it lacks
        nothing."""

    def _refilled_at(self, bounds: Bounds) -> int:
        is_its_own = bounds.committed_id in ("", self.manifest.newest.topic_id)
        committed = bounds.committed if is_its_own else 0
        known = min(max(committed or self.manifest.lacks_below, self.manifest.end), bounds.end)
        end = known
        for start, taken_end in reversed(self.manifest.ahead(0)):
            if start < end <= taken_end:
                end = start
        return end if end > bounds.start and end > self.position else 0

    @property
    def log_start(self) -> int:
        """Where the topic began when the reading did."""
        return self._start

    @property
    def gap(self) -> int:
        """Offsets from `position` to here are wanted."""
        return self._ahead[0][0] if self._ahead else ENDLESS

    def passes(self, offset: int) -> bool:
        """Whether the store has taken `offset`: then what is wanted begins behind it."""
        while self._ahead and offset >= self._ahead[0][0]:
            _, end = self._ahead[0]
            self.position = max(self.position, end)
            if offset < end:
                return True
            del self._ahead[0]
        return False

    def removed_unread(self) -> tuple[int, int] | None:
        """Offsets that the topic lost before they were taken: between the last that was, and where the topic begins."""
        return (self.manifest.end, self._start) if 0 < self.manifest.end < self._start else None

    def step_to(self, offset: int) -> None:
        """Go on at `offset`: what lies before it cannot be had."""
        self.position = self.expected = offset

    def account(self, kept: Mapping[tuple[str, int], int], last: Last | None) -> None:
        """All below `position` was looked at, and what became rows is in the store."""
        self.manifest.take(self._accounted, self.position, kept, last)
        self._accounted = self.position

    @property
    def is_accounted(self) -> bool:
        return self._accounted == self.position

    @property
    def indexed(self) -> int:
        """Everything that the topic has below is in the store."""
        return self.manifest.first_lacking(self._start)

    def taken_ahead(self, offset: int, end: int) -> int:
        """Offsets of [offset, end) that the store has."""
        return sum(min(until, end) - start for start, until in self.manifest.ahead(offset) if start < end)
