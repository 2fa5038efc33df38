"""How far the index is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionProgress:
    """Everything below `next_offset` is searchable; the partition ends at `end_offset`.

    `indexed_until_ns`: Kafka timestamp of the newest indexed record, Unix nanoseconds; 0 before the first.
    """

    topic: str
    partition: int
    next_offset: int
    end_offset: int
    indexed_until_ns: int
