"""From messages to the rows of a block: what the store has is left out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from logpost.config import Config, StoreConfig
from logpost.said_once import SaidOnce
from logpost_web.indexer import metrics
from logpost_web.indexer.account import Account
from logpost_web.indexer.block import Block
from logpost_web.indexer.limits import Limits
from logpost_web.indexer.lines import Lines
from logpost_web.indexer.lives import Lives
from logpost_web.indexer.passage import Passage
from logpost_web.indexer.placing import Placing
from logpost_web.indexer.planner import PartitionKey, Plan, Planner
from logpost_web.indexer.reading import Reading
from logpost_web.indexer.received import Stretch
from logpost_web.indexer.row import Position, is_cut, to_row
from logpost_web.indexer.run import Run, read_runs
from logpost_web.indexer.source import Source
from logpost_web.indexer.tries import Tries
from logpost_web.store.deleted import deleted_marks
from logpost_web.store.intervals import IntervalSet
from logpost_web.store.row import Row
from logpost_web.store.store import Store
from logpost_web.store.stored import newest_arrival, stored_lines, stored_offsets, stored_ranges

RUN_RECORDS = 1000
"""Messages that are looked at together."""


log = logging.getLogger("indexer")


class Intake:
    """Used by the indexer's thread."""

    def __init__(
        self, config: Config, store: Store, source: Source, account: Account, tries: Tries, placing: Placing
    ) -> None:
        self._store = store
        self._placing = placing
        self._source = source
        self._account = account
        self._tries = tries
        self._planner = Planner()
        self._lives = Lives()
        self.passage = Passage(config.kafka, source, account)
        self.block = Block(store, config.store)
        self._said = SaidOnce(log)
        self.reconfigure(config.store)

    def reconfigure(self, config: StoreConfig) -> None:
        """Sizes and limits hold from the next messages on. Any thread."""
        self.block.config = config
        self._limits = Limits.of(config)
        self._least = min(self._limits)

    def take(self, stretches: Sequence[Stretch], now: int) -> None:
        """All that one call of the client gave. `now`: Unix seconds."""
        passed: dict[PartitionKey, Reading] = {}
        parts = list(self._parts(stretches, now))
        # Of all at once: each question costs the store some ten milliseconds.
        if not self._learn_streams(piece.stream for _, run in parts if run for piece in run.pieces):
            return
        for part, run in parts:
            if not ((run and self._take_run(run)) or self._take_each(part, now, passed)):
                return
        if not self.passage.went_back:
            self._leap(passed)

    def _parts(self, stretches: Sequence[Stretch], now: int) -> Iterator[tuple[Stretch, Run | None]]:
        """As runs what is expected to go straight on when it is its turn."""
        expected = {key: reading.expected for key, reading in self._account.readings.items()}
        for stretch in stretches:
            for some in stretch.cut(RUN_RECORDS):
                key = some.partition
                if self._goes_straight_on(some, expected.get(key)):
                    yield from read_runs(some, self._limits, now)
                else:
                    yield some, None
                expected[key] = some.offsets[-1] + 1

    def _take_run(self, run: Run) -> bool:
        """Take all of it at once, if nothing of it is known."""
        key, offsets = run.messages.partition, run.messages.offsets
        start, end = offsets[0], offsets[-1] + 1
        reading = self._account.readings.get(key)
        if reading is None or not self._goes_straight_on(run.messages, reading.expected):
            return False
        run.topic_id = reading.manifest.topic_id_at(start)
        if not self._learn_streams(piece.stream for piece in run.pieces):
            return False
        if not self._planner.is_new(key, start, end, run.pieces) or not (parts := self._placing.place_run(run)):
            return False
        self._planner.add(key, end, run.pieces)
        reading.expected = reading.position = end
        for part in parts:
            self.block.add_run(part)
        self.block.bytes += run.size
        self._account.keep_run(run)
        self._account.look_at(run.messages.last())
        return True

    def _goes_straight_on(self, messages: Stretch, expected: int | None) -> bool:
        """Whether nothing is between them or before them from `expected` on, and all are of one life."""
        key, offsets = messages.partition, messages.offsets
        start, end = offsets[0], offsets[-1] + 1
        reading = self._account.readings.get(key)
        return (
            reading is not None
            and start == expected
            and offsets == list(range(start, end))
            and end <= reading.gap
            and not self.passage.is_watchful
            and not self.passage.went_back
            and self._planner.is_continued(key, start)
            and reading.manifest.topic_id_at(start) == reading.manifest.topic_id_at(end - 1)
        )

    def _take_each(self, messages: Stretch, now: int, passed: dict[PartitionKey, Reading]) -> bool:
        """False when it is time to stop; the block is then given up. `passed` gets what is to be read on behind what
        the store has."""
        rows: list[Row] = []
        passage = self.passage
        for message in messages.each():
            key, offset, timestamp_ns, value, _, size = message
            reading = self._account.readings.get(key)
            if reading is None:
                continue  # taken away meanwhile
            if (offset != reading.expected or passage.is_watchful) and not passage.admits(key, offset, reading):
                continue
            reading.expected = offset + 1
            if offset >= reading.gap and reading.passes(offset):
                passed[key] = reading
                continue
            if not self._planner.is_continued(key, offset):
                if not (self._plan(rows) and self._retried_or_given_up(partial(self._learn_partition, key, offset))):
                    return False
                rows = []
            reading.position = offset + 1
            position = Position(*key, reading.manifest.topic_id_at(offset), offset, timestamp_ns, size)
            rows.append(row := to_row(value, position, now, self._limits))
            length = len(value or b"")
            self._placing.place(row, key, timestamp_ns, length)
            if length > self._least and is_cut(row):
                metrics.TRUNCATED.inc()
            self.block.bytes += length
            self._account.look_at(message)
        return passage.went_back or self._plan(rows)

    def _leap(self, passed: Mapping[PartitionKey, Reading]) -> None:
        """Read on behind what the store has."""
        for key, reading in passed.items():
            if reading.position > reading.expected:
                reading.expected = reading.position
                self._source.seek(key, reading.position)

    def _learn_partition(self, key: PartitionKey, offset: int) -> None:
        topic_id = self._account.readings[key].manifest.topic_id_at(max(offset - 1, 0))
        self._placing.learn(key, newest_arrival(self._store, *key, topic_id, offset) * 1000)
        stored = IntervalSet()
        for life, end in self._account.readings[key].manifest.lives:
            begin = max(offset, life.begin)
            if begin < end:
                for start, until in stored_offsets(self._store, *key, life.topic_id, begin):
                    stored.add(start, min(until, end))
        self._planner.learn_partition(key, offset, stored)

    def _plan(self, rows: Sequence[Row]) -> bool:
        """False when it is time to stop; the block is then given up."""
        if not self._learn_streams(row.stream_id for row in rows):
            return False
        plan = self._planner.plan(rows)
        if plan.suspects and not self._retried_or_given_up(partial(self._settle, plan)):
            return False
        kept = plan.rows if not self._placing.has_past else self._without_past(plan.rows)
        self.block.add(kept)
        self._account.keep(kept)
        self._account.keep(plan.known)
        metrics.KNOWN_OFFSETS.inc(len(plan.known))
        metrics.KNOWN_RANGES.inc(plan.known_ranges)
        self._lives.tell(plan.conflicts)
        return True

    def _learn_streams(self, of: Iterable[str]) -> bool:
        """False when it is time to stop; the block is then given up."""
        streams = self._planner.unknown_streams(of)
        return not streams or self._retried_or_given_up(
            lambda: self._planner.learn_streams(stored_ranges(self._store, streams))
        )

    def _without_past(self, rows: Sequence[Row]) -> list[Row]:
        """What retention has dropped, or would drop at once, does not come again."""
        self._placing.has_past = False
        kept: list[Row] = []
        past: list[Row] = []
        for row in rows:
            is_read_again = row.offset < self._account.readings[row.topic, row.partition].refilled_at
            is_past = self._placing.is_past(row) or (is_read_again and self._placing.is_below_floor(row))
            (past if is_past else kept).append(row)
            if is_past and not is_read_again:
                key = row.topic, row.partition
                self._said.warn(key, "%s-%d: records came to their topic longer ago than rows are kept", *key)
        metrics.PAST.inc(len(past))
        self._account.leave_out(past)
        return kept

    def _settle(self, plan: Plan) -> None:
        """Compare what is known already with what the store and the block have there."""
        known = Lines(plan.places())
        for row in self.block.rows_at(plan.places()):
            known.add_row(row)
        doubtful = plan.doubtful(known)
        for line in stored_lines(self._store, doubtful):
            known.add(line)
        for place, mark in deleted_marks(self._store, doubtful):
            known.add_deleted(place, mark)
        plan.settle(known)

    def _retried_or_given_up(self, call: Callable[[], None]) -> bool:
        if self._tries.until_done(call):
            return True
        self.forget()
        return False

    def forget(self) -> None:
        """Forget what was read and not inserted, and what is known of its partitions."""
        self._planner.forget()
        self._account.forget()
        self.passage.forget()
        self.block.forget()

    def trim(self) -> None:
        """The rows of the block are in the store."""
        self._planner.trim()
