"""Which topics a member of a `consumer` group subscribes to, from its metadata.

The metadata opens the same way in every version of ConsumerProtocolSubscription: version, topics, user data. What
follows (owned partitions, generation, rack) changes from one join to the next of the same consumer.
"""

from __future__ import annotations

from logpost_broker.coordinator.record_fields import Reader

CONSUMER = "consumer"


def subscribed_topics(protocol_type: str | None, metadata: bytes) -> frozenset[str] | None:
    """The topics, or None when that is not to be known: another protocol type, or metadata in another format."""
    if protocol_type != CONSUMER:
        return None
    try:
        reader = Reader(metadata)
        reader.int16()
        return frozenset(reader.string() for _ in range(reader.array_length()))
    except ValueError:
        return None


def same_subscription(one: tuple[str | None, bytes], other: tuple[str | None, bytes]) -> bool:
    """Whether an assignment made for `one` still fits `other`. Each: protocol type, metadata."""
    topics = subscribed_topics(*one)
    return one == other or (topics is not None and topics == subscribed_topics(*other))
