"""What members of the classic protocol `consumer` tell each other through the broker: Kafka's
ConsumerProtocolSubscription and ConsumerProtocolAssignment, versions 0 to 3. A later version only adds fields."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from logpost_broker.coordinator.record_fields import Reader, int16, int32, string

FIRST_WITH_OWNED_PARTITIONS = 1
FIRST_WITH_GENERATION = 2
FIRST_WITH_RACK = 3
NO_USER_DATA = int32(-1)

NamedPartitions = frozenset[tuple[str, int]]
"""Of (topic, partition)s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    version: int
    topics: tuple[str, ...]
    owned: NamedPartitions
    """Empty from a member that lets everything go before it joins."""
    rack_id: str | None


def read_subscription(metadata: bytes) -> Subscription:
    """Raises ValueError for what is no such message."""
    reader = Reader(metadata)
    version = reader.int16()
    topics = tuple(reader.string() for _ in range(reader.array_length()))
    _skip_user_data(reader)
    owned = _read_partitions(reader) if version >= FIRST_WITH_OWNED_PARTITIONS else frozenset()
    if version >= FIRST_WITH_GENERATION:
        reader.int32()
    rack_id = reader.nullable_string() if version >= FIRST_WITH_RACK else None
    return Subscription(version=version, topics=topics, owned=owned, rack_id=rack_id)


def read_assignment(assignment: bytes) -> NamedPartitions:
    """Of a member that was not assigned anything yet, too. Raises ValueError for what is no such message."""
    if not assignment:
        return frozenset()
    reader = Reader(assignment)
    reader.int16()
    return _read_partitions(reader)


def assignment_of(partitions: Collection[tuple[str, int]], version: int) -> bytes:
    by_topic: dict[str, list[int]] = {}
    for topic, partition in sorted(partitions):
        by_topic.setdefault(topic, []).append(partition)
    topics = b"".join(
        string(topic) + int32(len(indexes)) + b"".join(int32(index) for index in indexes)
        for topic, indexes in by_topic.items()
    )
    return int16(version) + int32(len(by_topic)) + topics + NO_USER_DATA


def _skip_user_data(reader: Reader) -> None:
    size = reader.int32()
    if size > 0:
        reader.take(size)


def _read_partitions(reader: Reader) -> NamedPartitions:
    partitions = []
    for _ in range(reader.array_length()):
        topic = reader.string()
        partitions += [(topic, reader.int32()) for _ in range(reader.array_length())]
    return frozenset(partitions)
