"""The assignor `uniform`: members get as many partitions as each other, and keep what they had where that allows."""

from __future__ import annotations

import bisect
import heapq
import uuid
from collections.abc import Mapping

from logpost_broker.groups.consumer.events import Partitions, TopicIdPartition

Owned = dict[str, set[TopicIdPartition]]


def assign_uniformly(
    subscriptions: Mapping[str, frozenset[uuid.UUID]],
    topics: Mapping[uuid.UUID, int],
    previous: Mapping[str, Partitions],
) -> dict[str, Partitions]:
    """Each partition of a subscribed topic to one member that subscribes to it.

    `subscriptions`: member → topics. `topics`: topic → its number of partitions. `previous`: member → what it had. No
    partition could go to another member of its topic that has at least two fewer.
    """
    owned = _kept(subscriptions, topics, previous)
    if len(set(subscriptions.values())) == 1:
        _trim(owned, sum(topics.get(topic, 0) for topic in next(iter(subscriptions.values()))))
    _fill(owned, subscriptions, topics)
    _even_out(owned, subscriptions)
    return {member: frozenset(partitions) for member, partitions in owned.items()}


def _kept(
    subscriptions: Mapping[str, frozenset[uuid.UUID]],
    topics: Mapping[uuid.UUID, int],
    previous: Mapping[str, Partitions],
) -> Owned:
    taken: set[TopicIdPartition] = set()
    owned: Owned = {}
    for member, subscribed in subscriptions.items():
        owned[member] = {
            (topic, partition)
            for topic, partition in previous.get(member, frozenset()) - taken
            if topic in subscribed and partition < topics.get(topic, 0)
        }
        taken |= owned[member]
    return owned


def _trim(owned: Owned, partitions: int) -> None:
    """Where all subscribe to the same: leave nobody more than its share. Who has most keeps one of the remainder."""
    share, remainder = divmod(partitions, len(owned))
    for index, member in enumerate(sorted(owned, key=lambda member: (-len(owned[member]), member))):
        owned[member] = set(sorted(owned[member])[: share + (index < remainder)])


def _fill(owned: Owned, subscriptions: Mapping[str, frozenset[uuid.UUID]], topics: Mapping[uuid.UUID, int]) -> None:
    """Give what nobody has to the member that has least."""
    taken = set[TopicIdPartition]().union(*owned.values())
    for topic in _fewest_subscribers_first(subscriptions):
        heap = [(len(owned[member]), member) for member, subscribed in subscriptions.items() if topic in subscribed]
        heapq.heapify(heap)
        for partition in range(topics.get(topic, 0)):
            if (topic, partition) not in taken:
                load, member = heap[0]
                owned[member].add((topic, partition))
                heapq.heapreplace(heap, (load + 1, member))


def _fewest_subscribers_first(subscriptions: Mapping[str, frozenset[uuid.UUID]]) -> list[uuid.UUID]:
    subscribers: dict[uuid.UUID, int] = {}
    for subscribed in subscriptions.values():
        for topic in subscribed:
            subscribers[topic] = subscribers.get(topic, 0) + 1
    return sorted(subscribers, key=lambda topic: (subscribers[topic], topic))


def _even_out(owned: Owned, subscriptions: Mapping[str, frozenset[uuid.UUID]]) -> None:
    """Move partitions from the member with most to the one with least, topic by topic. Each move makes the sum of
    squares smaller, so this ends."""
    moved = True
    while moved:
        moved = False
        for topic in _fewest_subscribers_first(subscriptions):
            movable = {
                member: sorted(partition for of_topic, partition in owned[member] if of_topic == topic)
                for member, subscribed in sorted(subscriptions.items())
                if topic in subscribed
            }
            while _move_one(owned, topic, movable):
                moved = True


def _move_one(owned: Owned, topic: uuid.UUID, movable: dict[str, list[int]]) -> bool:
    """`movable`: member → the partitions of the topic that it has, in their order."""
    poorest = min(movable, key=lambda member: len(owned[member]))
    for richest in sorted(movable, key=lambda member: -len(owned[member])):
        if len(owned[richest]) - len(owned[poorest]) < 2:
            return False
        if movable[richest]:
            partition = movable[richest].pop()
            bisect.insort(movable[poorest], partition)
            owned[richest].remove((topic, partition))
            owned[poorest].add((topic, partition))
            return True
    return False
