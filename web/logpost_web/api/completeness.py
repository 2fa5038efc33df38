"""How complete an answer is: up to when everything is indexed, which partitions are behind, what is missing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from logpost.record import format_ts
from logpost_web.indexer.progress import Progress
from logpost_web.store.damage import CORRUPTED
from logpost_web.store.errors import QueryError

T = TypeVar("T")

ASKED_AT_MOST = 3
"""Times that a question is asked when each time rows left the store meanwhile."""


class Partition(msgspec.Struct, kw_only=True):
    """Every record below `offset` was looked at. `until`: the broker's time of the newest one, RFC 3339, null before
    the first."""

    topic: str
    partition: int
    offset: int
    until: str | None


class Behind(msgspec.Struct, kw_only=True):
    """A partition with records that are not yet indexed."""

    topic: str
    partition: int
    records: int


class Missing(msgspec.Struct, kw_only=True, rename={"start": "from", "end": "to"}):
    """Bytes [from, to) of a stream that never arrived."""

    host: str
    file: str
    stream: str
    start: int
    end: int
    since: str


class SteppedOver(msgspec.Struct, kw_only=True, rename={"start": "from", "end": "to"}):
    """Offsets [from, to) that are in no answer, and why."""

    topic: str
    partition: int
    start: int
    end: int
    reason: str


class Dropped(msgspec.Struct, kw_only=True):
    """Lines that a source let go."""

    source: str
    reason: str
    count: int


class Paused(msgspec.Struct, kw_only=True):
    """Nothing is indexed since then, RFC 3339."""

    since: str
    reason: str


class Completeness(msgspec.Struct, kw_only=True):
    """`indexed_until`: every record that the broker took before is in the answer, except what the lists name; RFC
    3339, null when nothing is known. Empty lists mean none."""

    indexed_until: str | None = None
    partitions: list[Partition] = []
    behind: list[Behind] = []
    missing: list[Missing] = []
    stepped_over: list[SteppedOver] = []
    dropped: list[Dropped] = []
    paused: Paused | None = None


async def ask_whole(progress: Callable[[], Progress], ask: Callable[[], Awaitable[T]]) -> tuple[Progress, T]:
    """What `ask` gives, and progress that holds for it: read before, so that what it promises is in the answer, and
    with no damage found between, so that nothing has left the store unsaid. Raises QueryError (its `is_damage`) when
    that cannot be had."""
    for _ in range(ASKED_AT_MOST):
        before = progress()
        answer = await ask()
        if progress().damages == before.damages:
            return before, answer
    raise QueryError("parts of the store were set aside while they were read", CORRUPTED)


def completeness(progress: Progress) -> Completeness:
    """Pure: from what the indexer knows of itself.

    Where no partition is behind, `indexed_until` is the time of the newest record of all; a partition that is behind
    holds it back to the newest record that is indexed of it.
    """
    known = progress.partitions
    late = [one for one in known if one.next_offset < one.end_offset]
    until_ns = min((one.indexed_until_ns for one in late), default=None)
    if until_ns is None:
        until_ns = max((one.indexed_until_ns for one in known), default=0)
    return Completeness(
        indexed_until=_time(until_ns),
        partitions=[
            Partition(
                topic=one.topic, partition=one.partition, offset=one.next_offset, until=_time(one.indexed_until_ns)
            )
            for one in known
        ],
        behind=[Behind(topic=one.topic, partition=one.partition, records=one.behind) for one in late],
        stepped_over=[
            SteppedOver(topic=one.topic, partition=one.partition, start=one.start, end=one.end, reason=one.reason)
            for one in progress.stepped_over
        ],
        dropped=[Dropped(source="store", reason="lost", count=progress.lost_rows)] if progress.lost_rows else [],
        paused=None
        if progress.paused is None
        else Paused(since=format_ts(progress.paused.since_ns), reason=progress.paused.reason),
    )


def _time(ns: int) -> str | None:
    return format_ts(ns) if ns else None
