"""Which segments leave a log by age and by size: a plan, from plain numbers. Reads no file and no clock.

The rules are Apache Kafka's. From the oldest segment on, one goes when the log without it still has `retention.bytes`,
or when its newest record is older than `retention.ms`. A segment stays as long as the one before it stays, and nothing
at or above the high watermark goes. A newest timestamp in the future is older than nothing: it keeps its segment, and
those behind it, until `retention.ms` after that time, unless the size sends them away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

UNLIMITED = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionLimits:
    """A topic's `retention.ms` and `retention.bytes` (of one partition); UNLIMITED keeps forever."""

    age_ms: int = UNLIMITED
    size_bytes: int = UNLIMITED


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentFacts:
    """What retention has to know of a segment. All have records, except the last, which may be empty."""

    base_offset: int
    size_bytes: int
    newest_ms: int
    """The newest timestamp of its records; the time of the file's last change where no record has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPlan:
    log_start_offset: int
    """Where the log should start; what it starts with now when nothing is to go."""
    aged_segments: int = 0
    """How many go because of their age."""
    aged_bytes: int = 0
    oversize_segments: int = 0
    """How many go because of the log's size."""
    oversize_bytes: int = 0
    kept_for_reader: bool = False
    """Whether a segment would go that a reader wants."""
    kept_by_future_ms: int | None = None
    """The timestamp in the future that keeps the first segment that stays, and with it all that follow."""


def plan_retention(
    segments: Sequence[SegmentFacts],
    limits: RetentionLimits,
    *,
    log_start_offset: int,
    high_watermark: int,
    next_offset: int,
    now_ms: int,
    wanted_from: int | None = None,
) -> RetentionPlan:
    """Where the log should start. `segments`: in order. `next_offset`: where the last segment ends. When the plan's log
    start is that, the last segment goes as well, and a new one must begin. `wanted_from`: the offset from which on a
    reader wants all records."""
    if not segments:
        return RetentionPlan(log_start_offset=log_start_offset)
    ends = [*(segment.base_offset for segment in segments[1:]), next_offset]
    excess_bytes = sum(segment.size_bytes for segment in segments) - limits.size_bytes
    oversize: list[SegmentFacts] = []
    aged: list[SegmentFacts] = []
    future_ms = None
    is_wanted = False
    start = log_start_offset
    for segment, end in zip(segments, ends, strict=True):
        if end > high_watermark or not segment.size_bytes:
            break
        is_oversize = limits.size_bytes != UNLIMITED and excess_bytes >= segment.size_bytes
        if not is_oversize and not (limits.age_ms != UNLIMITED and now_ms - segment.newest_ms > limits.age_ms):
            future_ms = segment.newest_ms if limits.age_ms != UNLIMITED and segment.newest_ms > now_ms else None
            break
        if wanted_from is not None and end > wanted_from:
            is_wanted = True
            break
        (oversize if is_oversize else aged).append(segment)
        excess_bytes -= segment.size_bytes
        start = max(start, end)
    return RetentionPlan(
        log_start_offset=start,
        aged_segments=len(aged),
        aged_bytes=sum(segment.size_bytes for segment in aged),
        oversize_segments=len(oversize),
        oversize_bytes=sum(segment.size_bytes for segment in oversize),
        kept_for_reader=is_wanted,
        kept_by_future_ms=future_ms,
    )
