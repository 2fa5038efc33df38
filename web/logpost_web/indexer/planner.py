"""Which messages become rows: each offset once, and each line of a stream once. Pure.

The planner knows, per partition, which offsets the store has from the committed one on, and per stream, which byte
ranges. Both are asked of the store when a partition or a stream is first seen, and forgotten at every rebalance,
because another indexer may have written meanwhile.

Bytes that are known and come again are suspects: the same lines sent again, or other lines in another life of the
stream. `settle` tells them apart by what they say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from logpost_web.indexer.lines import Lines
from logpost_web.store.intervals import IntervalSet
from logpost_web.store.row import Row
from logpost_web.store.stored import Place

MAX_STREAMS = 100_000
"""Streams whose ranges are kept in memory; the oldest go first and are asked for again."""

PartitionKey = tuple[str, int]


class Piece(NamedTuple):
    """Bytes [start, end) of a stream."""

    stream: str
    start: int
    end: int


@dataclass(slots=True)
class _Partition:
    stored: IntervalSet
    next_offset: int


@dataclass(slots=True)
class Plan:
    """`rows` go into the store, once the `suspects` among them are settled; the others were counted and dropped.

    `conflicts`: rows that are stored although the store has some of their bytes, because they say something else.
    """

    rows: list[Row] = field(default_factory=list)
    suspects: list[Row] = field(default_factory=list)
    known: list[Row] = field(default_factory=list)
    """Rows whose offsets the store has."""
    known_ranges: int = 0
    conflicts: list[Row] = field(default_factory=list)

    def places(self) -> set[Place]:
        """Where the suspects stand: learn the lines that are known there before `settle`."""
        return {(row.stream_id, row.stream_to) for row in self.suspects}

    def doubtful(self, known: Lines) -> set[Place]:
        """Those of `places` for which neither the `known` lines nor this plan have the line."""
        places = set()
        for row, is_suspect in self._judged():
            if not is_suspect:
                known.add_row(row)
            elif not known.has(row):
                places.add((row.stream_id, row.stream_to))
        return places

    def settle(self, known: Lines) -> None:
        """Drop the suspects that are among the `known` lines, or the same as one before them in this plan."""
        judged = list(self._judged())
        self.rows, self.suspects = [], []
        for row, is_suspect in judged:
            if is_suspect:
                if known.has(row):
                    self.known_ranges += 1
                    continue
                self.conflicts.append(row)
            self.rows.append(row)
            known.add_row(row)

    def _judged(self) -> Iterator[tuple[Row, bool]]:
        suspects = set(map(id, self.suspects))
        return ((row, id(row) in suspects) for row in self.rows)


class Planner:
    def __init__(self) -> None:
        self._partitions: dict[PartitionKey, _Partition] = {}
        self._streams: dict[str, IntervalSet] = {}

    def forget(self) -> None:
        """After a rebalance nothing that was known is certain."""
        self._partitions.clear()
        self._streams.clear()

    def is_continued(self, partition: PartitionKey, offset: int) -> bool:
        """Whether `offset` follows what was planned before. An offset that goes back does not: the topic was made again
        under its old name, or the group was reset."""
        known = self._partitions.get(partition)
        return known is not None and offset >= known.next_offset

    def learn_partition(self, partition: PartitionKey, offset: int, stored: IntervalSet) -> None:
        """`stored`: the offsets from `offset` on that the store has."""
        self._partitions[partition] = _Partition(stored, offset)

    def unknown_streams(self, streams: Iterable[str]) -> set[str]:
        """Those whose stored ranges to learn before `plan`."""
        return {stream for stream in streams if stream} - self._streams.keys()

    def learn_streams(self, ranges: Mapping[str, IntervalSet]) -> None:
        self._streams.update(ranges)

    def plan(self, rows: Sequence[Row]) -> Plan:
        """Sort out `rows`, whose partitions and streams are all known. What is planned counts as stored."""
        plan = Plan()
        for row in rows:
            partition = self._partitions[row.topic, row.partition]
            partition.next_offset = row.offset + 1
            if partition.stored.covers(row.offset, row.offset + 1):
                plan.known.append(row)
                continue
            plan.rows.append(row)
            start, end = row.stream_from, row.stream_to
            if start < end and not self._streams[row.stream_id].add_new(start, end):
                plan.suspects.append(row)
        return plan

    def is_new(self, partition: PartitionKey, start: int, end: int, pieces: Iterable[Piece]) -> bool:
        """Whether nothing is known of offsets [start, end) and of these bytes, nor any byte of them is there twice."""
        if self._partitions[partition].stored.overlaps(start, end):
            return False
        own: dict[str, IntervalSet] = defaultdict(IntervalSet)
        return all(
            not self._streams[stream].overlaps(first, last) and own[stream].add_new(first, last)
            for stream, first, last in pieces
        )

    def add(self, partition: PartitionKey, end: int, pieces: Iterable[Piece]) -> None:
        """What `is_new` is planned as it is, and counts as stored."""
        self._partitions[partition].next_offset = end
        for stream, first, last in pieces:
            self._streams[stream].add(first, last)

    def trim(self) -> None:
        """Keep memory bounded. Only when all that was planned is in the store, which is asked again later."""
        while len(self._streams) > MAX_STREAMS:
            del self._streams[next(iter(self._streams))]
