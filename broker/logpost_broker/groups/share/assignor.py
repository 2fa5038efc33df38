"""Who fetches from which partitions: the simple assignor of KIP-932. Every partition has a member, every member has a
partition, and none has many more than another."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Set

Assignment = Mapping[uuid.UUID, tuple[int, ...]]
"""Topic id → partitions."""


def assign(subscriptions: Mapping[str, Set[uuid.UUID]], partitions: Mapping[uuid.UUID, int]) -> dict[str, Assignment]:
    """Member → what it fetches from. `subscriptions`: member → topics; `partitions`: topic → how many it has. Dealt out
    like cards, until all partitions and all members had their turn."""
    assigned: dict[str, dict[uuid.UUID, list[int]]] = {member: {} for member in subscriptions}
    dealt = 0
    for topic in sorted(partitions):
        members = sorted(member for member, topics in subscriptions.items() if topic in topics)
        count = partitions[topic]
        if not members or not count:
            continue
        for turn in range(max(count, len(members))):
            member = members[(dealt + turn) % len(members)]
            assigned[member].setdefault(topic, []).append(turn % count)
        dealt += count
    return {
        member: {topic: tuple(sorted(set(numbers))) for topic, numbers in of.items()} for member, of in assigned.items()
    }
