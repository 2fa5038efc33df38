"""The table `otel_logs_stepped_over`: offsets that are no rows and never will be, and why.

A line is written before the offset behind it is accounted for. It lies beside the rows, so that it is told as long as
they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from logpost_web.store.schema import STEPPED_OVER
from logpost_web.store.store import Store

MAX_LINES = 1000
"""Told in every answer; of more the newest."""


class Line(msgspec.Struct, frozen=True, rename="pascal"):
    """Offsets [start, end) of a partition."""

    topic: str
    topic_id: str
    partition: int
    start: int
    end: int
    reason: str


_COLUMNS = ", ".join(field.encode_name for field in msgspec.structs.fields(Line))


def read(store: Store) -> list[Line]:
    """In the order in which they were written. Raises QueryError."""
    found = store.query(f"SELECT {_COLUMNS} FROM {STEPPED_OVER} FINAL ORDER BY Written DESC LIMIT {MAX_LINES}")
    return [Line(*row) for row in reversed(found.rows)]


def write(store: Store, lines: Sequence[Line]) -> None:
    """One that begins where another does replaces it. Raises QueryError."""
    store.insert(msgspec.json.Encoder().encode_lines(list(lines)), STEPPED_OVER)
