"""The table `otel_logs_stepped_over`: offsets that are no rows and never will be, and why.

A line is written before the offset behind it is accounted for. It lies beside the rows, so that it is told as long as
they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import msgspec

from logpost_web.store.schema import STEPPED_OVER
from logpost_web.store.store import Store

MAX_LINES = 1000
"""Told in every answer; of more the newest."""


class Line(msgspec.Struct, frozen=True):
    """Offsets [Start, End) of a partition."""

    Topic: str
    TopicId: str
    Partition: int
    Start: int
    End: int
    Reason: str


def read(store: Store) -> list[Line]:
    """In the order in which they were written. Raises QueryError."""
    found = store.query(
        f"SELECT Topic, TopicId, Partition, Start, End, Reason FROM {STEPPED_OVER} FINAL ORDER BY Written DESC"
        f" LIMIT {MAX_LINES}"
    )
    return [Line(*cast(tuple[str, str, int, int, int, str], tuple(row))) for row in reversed(found.rows)]


def write(store: Store, lines: Sequence[Line]) -> None:
    """One that begins where another does replaces it. Raises QueryError."""
    store.insert(msgspec.json.Encoder().encode_lines(list(lines)), STEPPED_OVER)
