"""The span of event time that a search covers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRange:
    """Unix nanoseconds, `start_ns` included, `end_ns` not; None is open."""

    start_ns: int | None = None
    end_ns: int | None = None
