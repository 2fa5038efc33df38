"""What a cluster looks like at one moment, and the lag that follows from it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

NOT_COMMITTED = -1

PartitionKey = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionState:
    """One partition: where its log starts and ends (None where the broker did not say), who leads it (-1: nobody) and
    who has a copy."""

    oldest_offset: int | None
    current_offset: int | None
    leader: int
    replicas: tuple[int, ...]
    in_sync_replicas: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupState:
    """One consumer group: its members (None where the broker did not say), and its committed offsets (NOT_COMMITTED
    where a topic's partition has none)."""

    members: int | None
    committed: Mapping[PartitionKey, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """`brokers`: node id → host:port. `failures`: questions that were not answered, or with an error."""

    brokers: Mapping[int, str]
    partitions: Mapping[PartitionKey, PartitionState]
    groups: Mapping[str, GroupState]
    failures: int = 0

    def lag(self, group: str, partition: PartitionKey) -> int | None:
        """Records between the committed offset and the end; NOT_COMMITTED where there is no committed offset, None
        where the end is not known."""
        committed = self.groups[group].committed[partition]
        if committed == NOT_COMMITTED:
            return NOT_COMMITTED
        known = self.partitions.get(partition)
        if known is None or known.current_offset is None:
            return None
        # The end is asked for before the commits, so a group may seem to be ahead.
        return max(0, known.current_offset - committed)


def complete(
    committed: Mapping[PartitionKey, int], partitions: Mapping[PartitionKey, PartitionState]
) -> dict[PartitionKey, int]:
    """Commits of a group, and NOT_COMMITTED for the other partitions of the topics it committed to; topics without any
    commit are left out, as kafka_exporter does."""
    topics = {topic for (topic, _), offset in committed.items() if offset >= 0}
    return {key: committed.get(key, NOT_COMMITTED) for key in sorted(partitions) if key[0] in topics}
