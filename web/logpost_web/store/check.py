"""Is all in the store that it should have: every byte of every part, and the rows that its manifest counts."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from logpost_web.store import doubles, manifest_table
from logpost_web.store.manifest_table import CHUNK
from logpost_web.store.parts import parts, reason_against
from logpost_web.store.store import Store


class Damaged(msgspec.Struct, kw_only=True):
    table: str
    part: str
    rows: int
    reason: str


class Found(msgspec.Struct, kw_only=True):
    """`lacking_rows`: rows that the manifest counts and that are not there; `doubled_rows`: those that are there more
    than once; neither is counted where a part is damaged. `lost_rows`: those that were given up because the topic had
    them no more."""

    parts: int
    damaged: list[Damaged]
    lacking_rows: int
    doubled_rows: int
    lost_rows: int

    @property
    def is_sound(self) -> bool:
        return not (self.damaged or self.lacking_rows or self.doubled_rows)


def check(store: Store, say: Callable[[int, int], None] = lambda done, of: None) -> Found:
    """`say` is told how many parts of how many were read. Raises QueryError."""
    damaged = []
    all_parts = parts(store) if store.is_embedded else []
    for number, part in enumerate(all_parts, 1):
        if reason := reason_against(store, part):
            damaged.append(Damaged(table=part.table, part=part.name, rows=part.rows, reason=reason))
        say(number, len(all_parts))
    lacking, doubled, lost = (0, 0, 0) if damaged else _compare(store)
    return Found(parts=len(all_parts), damaged=damaged, lacking_rows=lacking, doubled_rows=doubled, lost_rows=lost)


def _compare(store: Store) -> tuple[int, int, int]:
    """Rows that are lacking, doubled, lost."""
    lines = manifest_table.read(store)
    counted = manifest_table.count_rows(store, CHUNK)
    lacking = doubled = lost = 0
    for line in lines:
        lost += line.lost
        found, _ = counted.get(line.key, (0, 0))
        if found > line.rows:
            doubled += doubles.count(store, line.key, CHUNK)
        if found != line.rows:
            place = (line.topic, line.topic_id, line.partition)
            found = manifest_table.count_offsets(store, *place, line.start, line.end) if found else 0
            lacking += max(line.rows - found, 0)
    return lacking, doubled, lost
