"""A message as the indexer takes it from Kafka's client."""

from __future__ import annotations

import time
from typing import NamedTuple

from confluent_kafka import Message

from logpost_web.indexer.limits import LARGEST_VALUE
from logpost_web.indexer.planner import PartitionKey


class Received(NamedTuple):
    """A message. `timestamp_ns`: Kafka's, Unix nanoseconds."""

    partition: PartitionKey
    offset: int
    timestamp_ns: int
    value: bytes | None
    has_time: bool = True
    """False where Kafka's record has none, and `timestamp_ns` is the time of reading."""
    size: int = 0
    """Bytes of a value that was too large to be kept whole, else 0."""


def place(message: Message) -> tuple[PartitionKey, int]:
    """Where a message, or an error of a partition, stands; -1 for an offset that the client does not know."""
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None and partition is not None  # only errors of the client lack them
    return (topic, partition), -1 if offset is None else offset


def received(message: Message) -> Received:
    value, size = message.value(), 0
    if value is not None and len(value) > LARGEST_VALUE:
        value, size = value[:LARGEST_VALUE], len(value)
    _, milliseconds = message.timestamp()
    if milliseconds < 0:  # as messages of Kafka's oldest formats
        return Received(*place(message), time.time_ns(), value, has_time=False, size=size)
    return Received(*place(message), milliseconds * 1_000_000, value, size=size)
