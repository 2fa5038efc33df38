"""How complete an answer is: up to when everything is indexed, and which partitions are behind."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from logpost.record import format_ts
from logpost_web.indexer.progress import PartitionProgress


class Behind(msgspec.Struct, kw_only=True):
    """A partition with records that are not yet indexed."""

    topic: str
    partition: int
    records: int


class Completeness(msgspec.Struct, kw_only=True):
    """`indexed_until`: everything that reached the broker before is in the answer; null when nothing is known."""

    indexed_until: str | None
    behind: list[Behind]


def completeness(progress: Iterable[PartitionProgress]) -> Completeness:
    """Pure: from what the indexer knows of its partitions."""
    known = tuple(progress)
    behind = [
        Behind(topic=one.topic, partition=one.partition, records=one.end_offset - one.next_offset)
        for one in known
        if one.next_offset < one.end_offset
    ]
    until_ns = min((one.indexed_until_ns for one in known), default=0)
    return Completeness(indexed_until=format_ts(until_ns) if until_ns else None, behind=behind)
