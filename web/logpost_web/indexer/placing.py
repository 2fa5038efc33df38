"""Which class and unit of the store each row goes to, and which rows are past their time. Pure.

A row arrived at the time of its Kafka record. Producers say that time, and some say that of the event: but a record
arrived after the one that stands before it, and not in the future.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate

from logpost_web.indexer.planner import PartitionKey
from logpost_web.indexer.run import Run, event_of
from logpost_web.retention.rules import Rules
from logpost_web.retention.units import Opened, Units, span
from logpost_web.store.rebuild import NEVER, Past
from logpost_web.store.row import Row

LogKey = tuple[int, str, str, int]
"""Class, topic, its id, partition."""
ENDLESS = 2**62
AHEAD_MS = 60_000
"""Clocks of two hosts may differ by as much."""


class Placing:
    """For one thread."""

    def __init__(self, rules: Rules, piece_bytes: int) -> None:
        self.units = Units(piece_bytes)
        self.has_past = False
        """Whether a row was past its time since this was cleared."""
        self._now_ms = self._floor_ms = 0
        self._latest_ms = ENDLESS
        self._floors: Mapping[LogKey, int] = {}
        self._newest: dict[PartitionKey, int] = {}
        self.hold(rules)

    def tell(self, *, now_ms: int | None = None, latest_ms: int | None = None) -> None:
        """`latest_ms`: the present, also where the box's clock went back. `now_ms`: by which rows are past their time;
        while it is 0 nothing is."""
        self._now_ms = self._now_ms if now_ms is None else now_ms
        self._latest_ms = self._latest_ms if latest_ms is None else latest_ms + AHEAD_MS
        # What arrived since then is past nothing.
        self._doubtful_ms = max(self._now_ms - min(self.rules.keeps) + 1000, self._floor_ms)

    def raise_floors(self, floor_ms: int, floors: Mapping[LogKey, int]) -> None:
        """What had to go for room: all of it arrived before `floor_ms`. `floors`: the last offset of each."""
        self._floor_ms, self._floors = floor_ms, floors
        self.tell()

    def hold(self, rules: Rules) -> None:
        """These rules hold from the next row on."""
        self.rules = rules
        self._keep_of = dict(zip(rules.classes, rules.keeps, strict=True))
        self._places = [(number, span(keep)) for number, keep in zip(rules.classes, rules.keeps, strict=True)]
        self._open = Opened(0, 0, 0, 0)
        self.tell()

    def learn(self, key: PartitionKey, newest_ms: int) -> None:
        """When the last record arrived before the next that is read; 0 where nobody knows."""
        self._newest[key] = newest_ms

    def place(self, row: Row, key: PartitionKey, timestamp_ns: int, size: int) -> None:
        """Write into `row` when it arrived, its class and its unit. `size`: of the record's value."""
        arrived = timestamp_ns // 1_000_000
        newest = self._newest.get(key, 0)
        if newest <= arrived <= self._latest_ms:
            self._newest[key] = arrived
        else:
            arrived = self._corrected(key, arrived, newest)
        row.arrived_at = arrived // 1000
        if len(self._places) > 1:
            event = event_of(row, row.topic, row.partition, row.offset, with_attributes=self.rules.needs_attributes)
            of_class, hours = self._places[self.rules.rule_of(event)]
            row.retention_class = of_class
            row.retention_unit = self.units.open(of_class, hours, arrived, size).in_row
        else:
            opened = self._open
            if not opened.start_ms <= arrived < opened.end_ms or opened.room <= 0:
                opened = self._open = self.units.open(*self._places[0], arrived, 0)
            opened.room -= size
            row.retention_unit = opened.in_row
        if arrived < self._doubtful_ms and (self.is_past(row) or self.is_below_floor(row)):
            self.has_past = True

    def place_run(self, run: Run) -> list[Run]:
        """The parts of `run` that are of one class, with what `place` writes into each row. None, and nothing is
        changed, where one may be past its time, or the rows of a class are not of one unit."""
        key, milliseconds = run.messages.partition, run.messages.milliseconds
        newest = min(self._newest.get(key, 0), self._latest_ms)
        arrived = list(accumulate(milliseconds, max, initial=newest))[1:]
        if max(milliseconds) > self._latest_ms or arrived[0] < self._doubtful_ms:
            return []
        run.arrivals = [one // 1000 for one in arrived]
        parts = (
            {0: run}
            if len(self._places) == 1
            else run.parts(list(map(self.rules.rule_of, run.events(with_attributes=self.rules.needs_attributes))))
        )
        units = [self.units.open(*self._places[rule], arrived[0], 0) for rule in parts]
        placed = list(zip(parts.items(), units, strict=True))
        if any(unit.room < part.size or arrived[-1] >= unit.end_ms for (_, part), unit in placed):
            return []
        for (rule, part), unit in placed:
            unit.room -= part.size
            part.retention_class = self._places[rule][0]
            part.retention_unit = unit.in_row
        self._newest[key] = arrived[-1]
        return list(parts.values())

    def _corrected(self, key: PartitionKey, arrived: int, newest: int) -> int:
        newest = min(newest, self._latest_ms)  # it was placed before the time was known
        if arrived > self._latest_ms:
            arrived = max(self._latest_ms - AHEAD_MS, newest)
        arrived = max(arrived, newest)
        self._newest[key] = arrived
        return arrived

    def is_past(self, row: Row) -> bool:
        """Whether it would be dropped as soon as it is stored."""
        keep = self._keep_of.get(row.retention_class)
        return keep is not None and row.arrived_at * 1000 + keep <= self._now_ms

    def past(self) -> Past:
        """The same of rows that are stored already, of any class."""
        before = {of_class: max((self._now_ms - keep) // 1000, NEVER) for of_class, keep in self._keep_of.items()}
        others = max((self._now_ms - max(self.rules.keeps)) // 1000, NEVER)
        return Past(before, others, self._floors)

    def is_below_floor(self, row: Row) -> bool:
        """Whether it had to go for room, or would have had to."""
        return row.offset <= self._floors.get((row.retention_class, row.topic, row.topic_id, row.partition), -1)
