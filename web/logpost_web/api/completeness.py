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
    """`indexed_until`: every record that the broker took before is in the answer; RFC 3339, null when nothing is
    known."""

    indexed_until: str | None
    behind: list[Behind]


def completeness(progress: Iterable[PartitionProgress]) -> Completeness:
    """Pure: from what the indexer knows of its partitions.

    Where no partition is behind, that is the time of the newest record of all; a partition that is behind holds it
    back to the newest record that is indexed of it.
    """
    known = tuple(progress)
    late = [one for one in known if one.next_offset < one.end_offset]
    behind = [
        Behind(topic=one.topic, partition=one.partition, records=one.end_offset - one.next_offset) for one in late
    ]
    until_ns = min((one.indexed_until_ns for one in late), default=None)
    if until_ns is None:
        until_ns = max((one.indexed_until_ns for one in known), default=0)
    return Completeness(indexed_until=format_ts(until_ns) if until_ns else None, behind=behind)
