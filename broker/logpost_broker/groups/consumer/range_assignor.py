"""The assignor `range`: members get consecutive partitions of each topic, and of topics with the same number of
partitions and the same subscribers the same ones (co-partitioning)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from logpost_broker.groups.consumer.events import Partitions, TopicIdPartition


def assign_ranges(
    subscriptions: Mapping[str, frozenset[uuid.UUID]],
    topics: Mapping[uuid.UUID, int],
    previous: Mapping[str, Partitions],
) -> dict[str, Partitions]:
    """Each partition of a subscribed topic to one member that subscribes to it; arguments as of `assign_uniformly`.

    Members are in the order of the first partition they had, so that one that has something keeps its place.
    """
    assigned: dict[str, set[TopicIdPartition]] = {member: set() for member in subscriptions}
    ranked = sorted(subscriptions, key=lambda member: _rank(member, previous))
    for topic in sorted(frozenset[uuid.UUID]().union(*subscriptions.values())):
        members = [member for member in ranked if topic in subscriptions[member]]
        share, remainder = divmod(topics.get(topic, 0), len(members))
        first = 0
        for index, member in enumerate(members):
            end = first + share + (index < remainder)
            assigned[member] |= {(topic, partition) for partition in range(first, end)}
            first = end
    return {member: frozenset(partitions) for member, partitions in assigned.items()}


def _rank(member: str, previous: Mapping[str, Partitions]) -> tuple[bool, int, str]:
    had = [partition for _, partition in previous.get(member, frozenset())]
    return not had, min(had, default=0), member
