"""When a log is compacted, and which of its segments: a plan, from plain numbers. Reads no file and no clock.

The rules are Apache Kafka's (`cleanup.policy=compact`). A log has a clean part, which holds each key once, and behind
it a dirty part. Cleaning is due when the dirty part is more than `min.cleanable.dirty.ratio` of both, or when it holds
a record older than `max.compaction.lag.ms`. Never cleaned is the active segment, what is not on the disk, and what is
younger than `min.compaction.lag.ms`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from logpost_broker.log.batch import NO_TIMESTAMP
from logpost_broker.log.checked import MAX_RELATIVE_OFFSET


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactionLimits:
    """A topic's `min.cleanable.dirty.ratio`, `min.compaction.lag.ms`, `max.compaction.lag.ms`, `delete.retention.ms`,
    `segment.bytes` and `segment.index.bytes`."""

    min_dirty_ratio: float = 0.5
    min_lag_ms: int = 0
    max_lag_ms: int = 2**63 - 1
    delete_retention_ms: int = 24 * 60 * 60 * 1000
    segment_bytes: int = 1024 * 1024 * 1024
    index_bytes: int = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentSpan:
    """What compaction has to know of a segment that is not the active one."""

    base_offset: int
    end_offset: int
    """Where the next segment begins."""
    size_bytes: int
    index_bytes: int
    """The larger one of its two indexes."""
    newest_ms: int
    first_ms: int = NO_TIMESTAMP
    """The timestamp of its first batch; asked for only where there is a `max.compaction.lag.ms`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactionPlan:
    """The dirty part reaches from `first_dirty_offset` to `end_offset`; where they meet there is nothing to clean."""

    first_dirty_offset: int
    end_offset: int
    dirty_bytes: int
    dirty_ratio: float
    is_due: bool


def plan_compaction(
    segments: Sequence[SegmentSpan],
    limits: CompactionLimits,
    *,
    first_dirty_offset: int,
    log_start_offset: int,
    upper_bound: int,
    now_ms: int,
) -> CompactionPlan:
    """`segments`: all but the active one, in order. `first_dirty_offset`: where the last cleaning ended, by the
    checkpoint, which may be wrong. `upper_bound`: nothing at or above it may be cleaned."""
    end_of_log = segments[-1].end_offset if segments else log_start_offset
    first_dirty = first_dirty_offset if log_start_offset <= first_dirty_offset <= end_of_log else log_start_offset
    clean_bytes = dirty_bytes = 0
    end = first_dirty
    is_overdue = False
    for segment in segments:
        if segment.end_offset <= first_dirty:
            clean_bytes += segment.size_bytes
            continue
        if segment.end_offset > upper_bound or _is_young(segment, limits, now_ms):
            break
        dirty_bytes += segment.size_bytes
        end = segment.end_offset
        is_overdue = is_overdue or 0 < segment.first_ms < now_ms - limits.max_lag_ms
    ratio = dirty_bytes / (clean_bytes + dirty_bytes) if dirty_bytes else 0.0
    return CompactionPlan(
        first_dirty_offset=first_dirty,
        end_offset=end,
        dirty_bytes=dirty_bytes,
        dirty_ratio=ratio,
        is_due=dirty_bytes > 0 and (ratio > limits.min_dirty_ratio or is_overdue),
    )


def _is_young(segment: SegmentSpan, limits: CompactionLimits, now_ms: int) -> bool:
    return limits.min_lag_ms > 0 and segment.newest_ms > now_ms - limits.min_lag_ms


def groups(segments: Sequence[SegmentSpan], limits: CompactionLimits) -> Iterator[range]:
    """Which segments become one: numbers that follow each other. A group is not larger than a segment may be, and its
    offsets fit into 4 bytes from its first. Segments without a batch stay as they are."""
    first = 0
    while first < len(segments):
        after = first + 1
        size, index = segments[first].size_bytes, segments[first].index_bytes
        while after < len(segments) and segments[first].size_bytes and segments[after].size_bytes:
            size += segments[after].size_bytes
            index += segments[after].index_bytes
            span = segments[after].end_offset - 1 - segments[first].base_offset
            if size > limits.segment_bytes or index > limits.index_bytes or span > MAX_RELATIVE_OFFSET:
                break
            after += 1
        if segments[first].size_bytes:
            yield range(first, after)
        first = after
