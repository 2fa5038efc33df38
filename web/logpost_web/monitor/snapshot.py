"""What a cluster looks like at one moment, and the lag that follows from it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

NOT_COMMITTED = -1

PartitionKey = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionState:
    """One partition: where its log starts and ends, who leads it and who has a copy."""

    oldest_offset: int
    current_offset: int
    leader: int
    replicas: tuple[int, ...]
    in_sync_replicas: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupState:
    """One consumer group: its members, and its committed offsets (NOT_COMMITTED where a topic's partition has none)."""

    members: int
    committed: Mapping[PartitionKey, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """`brokers`: node id → host:port."""

    brokers: Mapping[int, str]
    partitions: Mapping[PartitionKey, PartitionState]
    groups: Mapping[str, GroupState]

    def lag(self, group: str, partition: PartitionKey) -> int:
        """Records between the committed offset and the end; NOT_COMMITTED where there is no committed offset."""
        committed = self.groups[group].committed[partition]
        known = self.partitions.get(partition)
        if committed == NOT_COMMITTED or known is None:
            return NOT_COMMITTED
        # The end is asked for before the commits, so a group may seem to be ahead.
        return max(0, known.current_offset - committed)


def complete(
    committed: Mapping[PartitionKey, int], partitions: Mapping[PartitionKey, PartitionState]
) -> dict[PartitionKey, int]:
    """Commits of a group, and NOT_COMMITTED for the other partitions of the topics it committed to; topics without any
    commit are left out, as kafka_exporter does."""
    topics = {topic for (topic, _), offset in committed.items() if offset >= 0}
    return {key: committed.get(key, NOT_COMMITTED) for key in sorted(partitions) if key[0] in topics}
