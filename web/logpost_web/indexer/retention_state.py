"""What retention says of itself: for the API, for metrics, for people. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from logpost_web.retention.plan import Stored, Used
from logpost_web.retention.rules import Rules


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassSize:
    """`query` is empty for rows that no rule is for, and None where the rules have changed since they came."""

    query: str | None
    keep_ms: int
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """`rows`, `bytes`: since this process began. `last_ms`: when rows were dropped last, 0 for never; `last_rows`,
    `last_bytes`: how many then."""

    rows: int = 0
    bytes: int = 0
    last_ms: int = 0
    last_rows: int = 0
    last_bytes: int = 0

    def and_then(self, rows: int, size: int, now_ms: int) -> Dropped:
        """With what was dropped at `now_ms`."""
        is_same = self.last_ms == now_ms
        return Dropped(
            rows=self.rows + rows,
            bytes=self.bytes + size,
            last_ms=now_ms,
            last_rows=rows + (self.last_rows if is_same else 0),
            last_bytes=size + (self.last_bytes if is_same else 0),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What would be dropped, and why it is not. `until_ms`: 0 for as long as that is so."""

    why: str
    rows: int
    bytes: int
    oldest_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionState:
    """At the last look. Times are Unix milliseconds, 0 for never. `due`: units, or parts of them, that should be gone
    and are not, since `due_since_ms`. `ahead_ms`: by how much the box's clock is ahead of what is believed."""

    looked_ms: int = 0
    used: Used = field(default_factory=Used)
    max_bytes: int = 0
    disk_bytes: int = 0
    classes: tuple[ClassSize, ...] = ()
    oldest_ms: int = 0
    days_left: float | None = None
    dropped: Dropped = field(default_factory=Dropped)
    waiting: Waiting | None = None
    due: int = 0
    due_since_ms: int = 0
    ahead_ms: int = 0
    error: str = ""


def class_sizes(units: Sequence[Stored], rules: Rules) -> tuple[ClassSize, ...]:
    found = []
    for number in sorted({one.of_class for one in units}):
        own = [one for one in units if one.of_class == number]
        possible = rules.of_class(number)
        queries = [*(rule.query for rule in rules.rules), ""]
        query = None if len(possible) > 1 else queries[possible[0]]
        found.append(
            ClassSize(
                query=query,
                keep_ms=rules.longest(number),
                rows=sum(one.rows for one in own),
                bytes=sum(one.bytes for one in own),
            )
        )
    return tuple(found)
