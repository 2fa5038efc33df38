"""Is all in the store that it should have: every byte of every part, and the rows that its manifest counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from logpost_web.store import doubles, manifest_table
from logpost_web.store.manifest_table import CHUNK
from logpost_web.store.parts import Part, UnreadError, parts, reason_against
from logpost_web.store.schema import OLDER, TABLE
from logpost_web.store.store import Store


class Damaged(msgspec.Struct, kw_only=True):
    table: str
    part: str
    rows: int
    reason: str


class Lacking(msgspec.Struct, kw_only=True):
    """Of `rows` rows the offsets lie in [start, end)."""

    topic: str
    topic_id: str
    partition: int
    start: int
    end: int
    rows: int


class Found(msgspec.Struct, kw_only=True):
    """`lacking_rows`: rows that the manifest counts and that are in no sound part; `doubled_rows`: those that are there
    more than once, not counted where a part is damaged. `lost_rows`: those that were given up because the topic had
    them no more. `readable_rows`: of those that are lacking as many as the topics have at most, where a web that runs
    knows that."""

    parts: int
    damaged: list[Damaged]
    lacking_rows: int
    doubled_rows: int
    lost_rows: int
    lacking: list[Lacking]
    readable_rows: int | None = None

    @property
    def is_sound(self) -> bool:
        return not (self.damaged or self.lacking_rows or self.doubled_rows)


def check(store: Store, say: Callable[[int, int], None] = lambda done, of: None) -> Found:
    """`say` is told how many parts of how many were read. Raises QueryError."""
    damaged = []
    all_parts = parts(store) if store.is_embedded else []
    for number, part in enumerate(all_parts, 1):
        if reason := _reason(store, part):
            damaged.append(Damaged(table=part.table, part=part.name, rows=part.rows, reason=reason))
        say(number, len(all_parts))
    bad = [one.part for one in damaged if one.table in (TABLE, OLDER)]
    lacking, doubled, lost = _compare(store, bad)
    return Found(
        parts=len(all_parts),
        damaged=damaged,
        lacking_rows=sum(one.rows for one in lacking),
        doubled_rows=doubled,
        lost_rows=lost,
        lacking=lacking,
    )


def _reason(store: Store, part: Part) -> str:
    """Why it is damaged; of one that is not there any more (a merge replaced it, retention dropped it, a rebuild ended)
    nothing is known, and nobody needs it."""
    try:
        reason = reason_against(store, part)
    except UnreadError:
        if part in parts(store):
            raise
        return ""
    return reason if reason and part in parts(store) else ""


def _compare(store: Store, bad: Sequence[str]) -> tuple[list[Lacking], int, int]:
    """What is lacking; rows that are doubled, and that are lost. `bad`: parts that are not read."""
    lines = manifest_table.read(store)
    counted = manifest_table.count_rows(store, CHUNK, without=bad)
    lacking: list[Lacking] = []
    doubled = lost = 0
    for line in lines:
        lost += line.lost
        found, _ = counted.get(line.key, (0, 0))
        if not bad and found > line.rows:
            doubled += doubles.count(store, line.key, CHUNK)
        if not bad and found != line.rows and found:
            found = manifest_table.count_offsets(store, line.topic, line.topic_id, line.partition, line.start, line.end)
        if found < line.rows:
            lacking.append(
                Lacking(
                    topic=line.topic,
                    topic_id=line.topic_id,
                    partition=line.partition,
                    start=line.start,
                    end=line.end,
                    rows=line.rows - found,
                )
            )
    return lacking, doubled, lost
