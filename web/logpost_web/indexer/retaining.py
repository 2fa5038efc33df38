"""Retention at work: looks at the store and its disk, and drops what the plan says."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Container, Mapping, Sequence

from logpost.config import StoreConfig
from logpost.said_once import SaidOnce
from logpost.units import milliseconds
from logpost_web.indexer import metrics
from logpost_web.indexer.account import Account
from logpost_web.indexer.dropping import Dropping
from logpost_web.indexer.manifest import ENDLESS
from logpost_web.indexer.measuring import Measuring
from logpost_web.indexer.placing import LogKey, Placing
from logpost_web.indexer.retention_memory import Floor, MemoryFile, SavedLimits
from logpost_web.indexer.retention_state import RetentionState, Waiting
from logpost_web.indexer.telling import Seen, Telling, written
from logpost_web.indexer.topic_room import TopicRoom
from logpost_web.retention.clock import RetentionClock
from logpost_web.retention.plan import (
    CLOCK,
    FULL,
    SETTING,
    SIZE,
    WAIT_MS,
    Drop,
    Limits,
    Plan,
    Stored,
    Trimmed,
    Used,
    over,
    plan,
)
from logpost_web.retention.rules import Rule, Rules
from logpost_web.retention.units import Unit
from logpost_web.store import rebuild, retained
from logpost_web.store.disk import boot
from logpost_web.store.errors import QueryError
from logpost_web.store.retained import NOTHING, Chosen, Counted, StoredUnit
from logpost_web.store.schema import BEFORE
from logpost_web.store.store import Store

LOOK_SECONDS = 10.0
PIECES = 8
"""A unit's records are at most this part of `store.max_bytes`; in the store they are smaller yet."""

log = logging.getLogger("retention")


class Retaining:
    """Used by the indexer's thread, but for `reconfigure` and `state`."""

    def __init__(
        self,
        config: StoreConfig,
        store: Store,
        account: Account,
    ) -> None:
        """Raises QuerySyntaxError."""
        self._store = store
        self._account = account
        self.topics: TopicRoom | None = None
        self._file = MemoryFile(store.directory, store.place if store.is_embedded else None)
        self._dropping = Dropping(store, account, self._file)
        self._clock = RetentionClock(self._file.memory.clock, boot())
        self._looked = 0.0
        self._confirmed: Waiting | None = None
        self._is_meant = False
        """Somebody said so of what would wait for a rebuild."""
        self._trimmed = Trimmed()
        self._said = SaidOnce(log)
        self._telling = Telling(log)
        self._measuring = Measuring(store)
        self._next_look = float("-inf")
        self.reconfigure(config)
        saved = self._file.memory.in_force
        self._in_force = saved.limits() if saved else None
        self.placing = Placing(self._in_force.rules if self._in_force else self._wanted[0], ENDLESS)
        self._raise_floors()
        account.past = self.placing.past
        self.state = RetentionState()

    def reconfigure(self, config: StoreConfig) -> None:
        """Any thread. Raises QuerySyntaxError."""
        rules = Rules([Rule(one.query, milliseconds(one.keep)) for one in config.retention], milliseconds(config.keep))
        self._wanted = rules, config.max_bytes
        self._next_look = float("-inf")

    def confirm(self) -> Waiting | None:
        """Any thread. What waits is meant: it goes at the next look, unless it is something else by then. Returns it,
        None for nothing."""
        self._confirmed = self.state.waiting
        self._next_look = float("-inf")
        return self._confirmed

    def settle(self) -> None:
        """Go on with what a process that was killed, or a store that failed, left halfway. Raises QueryError."""
        self._dropping.settle()
        if self._file.is_lost:
            self._raise_floors_to(*retained.lowest(self._store))
            self._file.is_lost = False

    def look(self, now: float, wall_ms: int, spared: Callable[[], Container[tuple[int, int]]] = tuple) -> None:
        """Drop what is due, but nothing of the classes and units `spared`. `now`: seconds since the box started,
        `wall_ms`: Unix milliseconds. What the store or the disk says against it is told in `state`, and it is tried
        again."""
        if now < self._next_look:
            return
        if not self._store.is_embedded and not self._account.readings:
            return  # which rows are another web's is not known
        self._next_look = now + LOOK_SECONDS
        try:
            self._look(now, wall_ms, spared())
        except (QueryError, OSError) as error:
            metrics.RETENTION_FAILURES.inc()
            self._said.error("failure", "what is due could not be dropped, trying again: %s", error)
            self.state = dataclasses.replace(self.state, error=str(error))
        else:
            self._said.over("failure")
            self.state = dataclasses.replace(self.state, error=self.topics.error if self.topics is not None else "")

    def _look(self, now: float, wall_ms: int, spared: Container[tuple[int, int]]) -> None:
        memory = self._file.memory
        self.settle()
        now_ms = self._read_clock(wall_ms, int(now * 1000))
        seen = self._seen(now)
        self._wait(now, seen.limits)
        if self._waits_for_rebuild(seen.used):
            # A store of a release that kept everything: when its rows are all here, they wait as for a changed setting.
            memory.waited_ms = 0
            units = [*seen.units, *(self._stored(one, 1.0) for one in retained.units(self._store, BEFORE))]
            held = Plan((), None, plan(units, seen.limits, None, now_ms, now_ms, seen.used).waiting, SETTING)
            self._hold(held, seen, now_ms)
            self._tell(seen, held, 0, now_ms)
            return
        planned = plan(seen.units, seen.limits, self._in_force, now_ms - memory.waited_ms, now_ms, seen.used)
        self._hold(planned, seen, now_ms)
        due = [
            drop
            for drop in planned.drops
            if not self._trimmed.is_done(drop) and (drop.stored.of_class, drop.stored.unit.number) not in spared
        ]
        self._tell(seen, planned, len(due), now_ms)
        if self.topics is not None and planned.in_force is not None:
            share = over(planned.in_force.max_bytes, seen.used)
            self.topics.trim(now, share, planned.in_force.max_bytes, self._account.readings)
        try:
            self._drop_all(due, planned, now_ms)
        finally:
            self._trimmed.keep_only(seen.units)
            memory.clock = self._clock.believed
            self._file.save_if_changed()
            self._file.keep_reserve()
        if due:
            self._measuring.soon()
            self._tell(self._seen(now), planned, 0, now_ms)

    def _waits_for_rebuild(self, used: Used) -> bool:
        """Unless somebody said that what waits is meant. Raises QueryError."""
        if self._in_force is not None or used.disk_share >= FULL or self._is_meant:
            return False
        return rebuild.is_running(self._store)

    def _read_clock(self, wall_ms: int, passed_ms: int) -> int:
        """Unix milliseconds, by which rows are dropped."""
        if not self._clock.latest_ms:
            units = (Unit.numbered(one.number) for one in retained.units(self._store))
            self._clock.learn(max((unit.start_ms for unit in units), default=0))
        now_ms = self._clock.read(wall_ms, passed_ms)
        if self._confirmed is not None and self._confirmed.why == CLOCK:
            late = self._clock.believe()
            self._file.memory.late += (late,) if late else ()
            self._confirmed = None
            now_ms = self._clock.now_ms
        return now_ms

    def _wait(self, now: float, limits: Limits) -> None:
        """Count for how long the settings are as they are, in time that passed while this process said so."""
        memory = self._file.memory
        wanted = SavedLimits.of(limits)
        if memory.wanted is None or not memory.wanted.is_nearly(wanted):
            memory.wanted, memory.waited_ms = wanted, 0
        elif self._looked and memory.waited_ms < WAIT_MS:
            memory.waited_ms += int((now - self._looked) * 1000)
        self._looked = now
        if self._in_force is not None and SavedLimits.of(self._in_force).is_nearly(wanted):
            self._in_force = limits  # the size of some file systems changes with what others take
        if self._confirmed is not None and self._confirmed.why == SETTING:
            memory.waited_ms = WAIT_MS
            self._is_meant = True
        self._confirmed = None

    def _seen(self, now: float) -> Seen:
        """Raises QueryError, OSError."""
        if self._store.is_embedded and not self.state.looked_ms:
            retained.await_replaced(self._store)
        topics_bytes = self._topics_bytes(now)
        found = retained.units(self._store)
        of_files = sum(one.bytes for one in found)
        rules, limit = self._wanted
        disk, max_bytes, store_bytes, passing_bytes = self._measuring.look(now, of_files, topics_bytes, limit)
        used = Used(store_bytes, topics_bytes, disk.share, passing_bytes)
        # Files take whole blocks, and what is no unit goes with them.
        ratio = max(used.lasting.store / max(of_files, 1), 1.0)
        units = [self._stored(one, ratio) for one in found]
        return Seen(units, used, Limits(rules, max_bytes), disk.size)

    def _stored(self, one: StoredUnit, ratio: float) -> Stored:
        unit = Unit.numbered(one.number)
        late = (late.by_ms for late in self._file.memory.late if late.has(unit))
        return Stored(one.of_class, unit, one.rows, int(one.bytes * ratio), sum(late))

    def _topics_bytes(self, now: float) -> int:
        if self.topics is None or not self._store.is_embedded:
            return 0
        self.topics.look(now, self._account.readings)
        return self.topics.bytes

    def _hold(self, planned: Plan, seen: Seen, now_ms: int) -> None:
        """What is in force holds for the rows that come, too."""
        self.placing.units.limit(max((planned.in_force or seen.limits).max_bytes // PIECES, 1))
        self.placing.units.learn((one.of_class, one.unit, one.bytes) for one in seen.units)
        self.placing.tell(latest_ms=self._clock.latest_ms)
        if planned.in_force is not None:
            self._in_force = planned.in_force
            self._file.memory.in_force = SavedLimits.of(planned.in_force)
            self.placing.tell(now_ms=now_ms)
            if planned.in_force.rules != self.placing.rules:
                self.placing.hold(planned.in_force.rules)

    def _drop_all(self, due: Sequence[Drop], planned: Plan, now_ms: int) -> None:
        """One that fails stops no other. Raises the first QueryError."""
        failed: QueryError | None = None
        for drop in due:
            try:
                self._drop(drop, planned, now_ms)
            except QueryError as error:
                failed = failed or error
        if failed is not None:
            raise failed

    def _drop(self, drop: Drop, planned: Plan, now_ms: int) -> None:
        unit = drop.stored.unit
        query = planned.in_force.rules.query(drop.rule) if drop.rule is not None and planned.in_force else ""
        chosen = Chosen(drop.stored.of_class, unit.number, None if drop.is_whole else drop.before_ms // 1000, query)
        counted = retained.count(self._store, chosen)
        if not self._store.is_embedded:
            chosen, counted = self._own(chosen, counted)
        if drop.why == SIZE:
            self._raise_floors(drop.stored.of_class, counted)
        if counted.rows or chosen.is_whole:
            self._dropping.drop(chosen, counted)
            size = drop.stored.bytes if chosen.is_whole else 0
            metrics.RETENTION_ROWS.labels(drop.why).inc(counted.rows)
            metrics.RETENTION_BYTES.labels(drop.why).inc(size)
            self.state = dataclasses.replace(
                self.state, dropped=self.state.dropped.and_then(counted.rows, size, now_ms)
            )
            span = f"{written(unit.start_ms)} to {written(unit.end_ms)}"
            log.info("dropped %d rows of those that arrived from %s (by %s)", counted.rows, span, drop.why)
        if not drop.is_whole:
            self._trimmed.did(drop)

    def _own(self, chosen: Chosen, counted: Counted) -> tuple[Chosen, Counted]:
        """Without rows of partitions that another web reads into the same store: it keeps account of those itself, and
        who comes last drops the unit."""
        partitions = {(topic, partition) for topic, _, partition, _ in counted.chunks}
        foreign = partitions - set(self._account.readings)
        existing = self.topics.existing({topic for topic, _ in foreign}) if self.topics is not None and foreign else ()
        others = {key for key in foreign if key[0] in existing}
        if not others:
            return chosen, counted
        own = chosen._replace(partitions=tuple(sorted(partitions - others)))
        return own, retained.count(self._store, own)

    def _raise_floors(self, of_class: int = 0, counted: Counted = NOTHING) -> None:
        """These rows are to go for room: they do not come again."""
        self._raise_floors_to({(of_class, *log): offset for log, offset in counted.last.items()}, counted.newest)

    def _raise_floors_to(self, wanted: Mapping[LogKey, int], newest: int) -> None:
        """`newest`: when the last row below them arrived, in Unix seconds; 0 where there is none."""
        memory = self._file.memory
        floors = {(one.of_class, one.topic, one.topic_id, one.partition): one.offset for one in memory.floors}
        for place, offset in wanted.items():
            floors[place] = max(floors.get(place, -1), offset)
        # Of a second of a row's arrival the store does not know the rest.
        memory.floor_ms = max(memory.floor_ms, (newest + 1) * 1000 if newest else 0)
        memory.floors = tuple(Floor(*place, offset) for place, offset in floors.items())
        self.placing.raise_floors(memory.floor_ms, floors)

    def _tell(self, seen: Seen, planned: Plan, due: int, now_ms: int) -> None:
        self.state = self._telling.tell(
            self.state, seen, planned, due, now_ms, ahead_ms=self._clock.ahead_ms, wanted=self._file.memory.wanted
        )
