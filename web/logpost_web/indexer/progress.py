"""How far the index is, and what it lacks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionProgress:
    """Everything below `next_offset` is searchable, and of what follows `taken_ahead` records; the partition ends at
    `end_offset`.

    `indexed_until_ns`: Kafka timestamp of the newest indexed record, Unix nanoseconds; 0 before the first.
    """

    topic: str
    partition: int
    next_offset: int
    end_offset: int
    indexed_until_ns: int
    taken_ahead: int = 0

    @property
    def behind(self) -> int:
        """Records that are not searchable yet."""
        return self.end_offset - self.next_offset - self.taken_ahead


@dataclass(frozen=True, slots=True, kw_only=True)
class SteppedOver:
    """Offsets [start, end) of a partition that are not in the index and do not come any more. `reason`: a sentence's
    end, as in "3 records: their batch is damaged"."""

    topic: str
    partition: int
    start: int
    end: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Nothing is indexed since `since_ns`, Unix nanoseconds."""

    since_ns: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What the indexer knows of itself at one moment."""

    partitions: tuple[PartitionProgress, ...] = ()
    stepped_over: tuple[SteppedOver, ...] = ()
    paused: Pause | None = None
    refill_records: int = 0
    """Records that the store had, or that its group says it had, and that are read again."""
    damages: int = 0
    """How often rows were about to leave the store, as damaged or to be written again: raised before they do."""
    lost_rows: int = 0
    """Rows that the store had, and that neither it nor the topic has any more."""

    @property
    def behind(self) -> int:
        """Records that are not searchable yet."""
        return sum(one.behind for one in self.partitions)
