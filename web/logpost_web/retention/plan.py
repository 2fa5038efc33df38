"""What of the store goes now, what will go after a wait, and why. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from logpost_web.retention.rules import Rules
from logpost_web.retention.units import HOUR_MS, Unit

WAIT_MS = 600_000
"""How long what a changed setting, or a smaller disk, would delete is kept."""
FULL = 0.95
"""Of the file system: above, nothing waits."""
TARGET = 0.95
"""Of the limit: what topics are trimmed to."""
AGE = "age"
SIZE = "size"
SETTING = "a setting was changed, or the disk is smaller"
CLOCK = "the clock is far ahead of the last time that was seen"


@dataclass(frozen=True, slots=True)
class Stored:
    """A unit of the store. `bytes`: what it takes on the disk. `late_ms`: by how much its rows arrived later than it
    says."""

    of_class: int
    unit: Unit
    rows: int
    bytes: int
    late_ms: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings that decide: `max_bytes` for store and topics together."""

    rules: Rules
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Used:
    """Bytes on the disk; `disk_share`: of the file system, by all that is on it, from 0 to 1. `passing`: of those of
    the store, what a rebuild is made from, and what merges have replaced."""

    store: int = 0
    topics: int = 0
    disk_share: float = 0.0
    passing: int = 0

    @property
    def lasting(self) -> Used:
        """Without what goes by itself: to delete rows for its sake would delete too many."""
        return Used(self.store - self.passing, self.topics, self.disk_share)


@dataclass(frozen=True, slots=True)
class Drop:
    """A whole unit; or those rows of it that arrived before `before_ms`, of rule `rule` only where that is named."""

    stored: Stored
    why: str
    before_ms: int = 0
    rule: int | None = None

    @property
    def is_whole(self) -> bool:
        return not self.before_ms


@dataclass(frozen=True, slots=True)
class Plan:
    """`drops` in this order. `waiting` for `why`, until `until_ms` (0: for as long as that is so). `in_force`: the
    limits that were planned by, which hold from now on."""

    drops: tuple[Drop, ...]
    in_force: Limits | None
    waiting: tuple[Drop, ...] = ()
    why: str = ""
    until_ms: int = 0


@dataclass(slots=True)
class Trimmed:
    """What was taken out of units that are still there, so that it is not looked for again."""

    before: dict[tuple[int, int, int | None], int] = field(default_factory=dict)

    def is_done(self, drop: Drop) -> bool:
        return self.before.get(self._place(drop), 0) >= drop.before_ms > 0

    def did(self, drop: Drop) -> None:
        self.before[self._place(drop)] = drop.before_ms

    def keep_only(self, units: Iterable[Stored]) -> None:
        there = {(one.of_class, one.unit.number) for one in units}
        self.before = {place: at for place, at in self.before.items() if place[:2] in there}

    @staticmethod
    def _place(drop: Drop) -> tuple[int, int, int | None]:
        return drop.stored.of_class, drop.stored.unit.number, drop.rule


def plan(
    units: Collection[Stored],
    wanted: Limits,
    in_force: Limits | None,
    changed_ms: int,
    now_ms: int,
    used: Used,
) -> Plan:
    """`wanted`: the settings as they are now; `in_force`: those by which it was planned before, None for none;
    `changed_ms`: since when they differ. `now_ms`: of the RetentionClock."""
    due = tuple(drops(units, wanted, now_ms, used))
    if wanted == in_force or used.disk_share >= FULL or now_ms >= changed_ms + WAIT_MS:
        return Plan(due, wanted)
    # A unit that went by either goes; a part of one only by the same rule.
    before = () if in_force is None else tuple(drops(units, in_force, now_ms, used))
    gone = {(one.stored.of_class, one.stored.unit) for one in before if one.is_whole}
    now = tuple(one for one in due if one.is_whole and (one.stored.of_class, one.stored.unit) in gone)
    waiting = tuple(one for one in due if one not in now)
    if not waiting:
        return Plan(now, wanted)
    return Plan(now, in_force, waiting, SETTING, changed_ms + WAIT_MS)


def drops(units: Collection[Stored], limits: Limits, now_ms: int, used: Used) -> Iterator[Drop]:
    """By age, then, while more than `limits.max_bytes` is taken, the oldest."""
    gone = set()
    freed = 0
    for stored in in_order(units, now_ms):
        for drop in _by_age(stored, limits.rules, now_ms - stored.late_ms):
            yield drop
            if drop.is_whole:
                gone.add((stored.of_class, stored.unit))
                freed += stored.bytes
    left = [one for one in in_order(units, now_ms) if (one.of_class, one.unit) not in gone]
    yield from _by_size(left, limits.max_bytes, used.lasting, freed)


def in_order(units: Iterable[Stored], now_ms: int) -> list[Stored]:
    """By when their last rows arrived: a day to which rows come is newer than the hour before this one. Each of a
    span's pieces took its part of the time."""
    units = list(units)
    pieces: dict[tuple[int, int, int], int] = {}
    for one in units:
        span = (one.of_class, one.unit.first, one.unit.hours)
        pieces[span] = max(pieces.get(span, 0), one.unit.piece + 1)

    def last_ms(stored: Stored) -> tuple[int, int, int, int]:
        unit = stored.unit
        took = max(min(unit.end_ms, now_ms) - unit.start_ms, 0)
        part = took * (unit.piece + 1) // pieces[stored.of_class, unit.first, unit.hours]
        return unit.start_ms + part + stored.late_ms, unit.start_ms, unit.piece, stored.of_class

    return sorted(units, key=last_ms)


def _by_age(stored: Stored, rules: Rules, now_ms: int) -> Iterator[Drop]:
    unit = stored.unit
    longest = rules.longest(stored.of_class)
    if unit.end_ms + longest <= now_ms:
        yield Drop(stored, AGE)
        return
    possible = rules.of_class(stored.of_class)
    for rule in possible:
        before_ms = (now_ms - rules.keeps[rule]) // HOUR_MS * HOUR_MS
        if before_ms > unit.start_ms:
            yield Drop(stored, AGE, min(before_ms, unit.end_ms), rule if len(possible) > 1 else None)


def _by_size(units: Sequence[Stored], max_bytes: int, used: Used, freed: int) -> Iterator[Drop]:
    """`units` in order. The newest stays: rows come to it. Topics, which give their room back later, press the store
    down to half of its limit at most."""
    ratio = 1 + used.topics / used.store if used.store else 1.0  # what is trimmed here is trimmed from the topics
    store, topics = float(used.store - freed), used.topics - freed * (ratio - 1)
    for stored in units[:-1]:
        if store + topics <= max_bytes or (topics and store <= max_bytes / 2):
            return
        yield Drop(stored, SIZE)
        store -= stored.bytes
        topics -= stored.bytes * (ratio - 1)


def over(max_bytes: int, used: Used) -> float:
    """Which share of what store and topics take is above TARGET of their limit, once they are above the limit."""
    total = used.lasting.store + used.topics
    return 1 - TARGET * max_bytes / total if total > max_bytes else 0.0


def oldest_ms(units: Iterable[Stored]) -> int:
    """Before it nothing arrived that is stored; 0 where nothing is."""
    return min((one.unit.start_ms for one in units), default=0)


def days_left(units: Collection[Stored], max_bytes: int, used: Used, now_ms: int) -> float | None:
    """For how many days what comes at the rate of the last day has room until the oldest must go for it; None while
    nothing came. Bytes above the limit count as no room."""
    day_ms = 24 * HOUR_MS
    new = 0.0
    for one in units:
        lies_within = min(one.unit.end_ms, now_ms) - max(one.unit.start_ms, now_ms - day_ms)
        if lies_within > 0:
            new += one.bytes * lies_within / max(min(one.unit.end_ms, now_ms) - one.unit.start_ms, 1)
    if not new:
        return None
    began = max(oldest_ms(units), now_ms - day_ms)
    used = used.lasting
    rate = new * (1 + used.topics / used.store if used.store else 1.0) / max((now_ms - began) / day_ms, 1 / 24)
    return max(max_bytes - used.store - used.topics, 0) / rate
