"""A message as the indexer takes it from Kafka's client."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import groupby
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


class Stretch(NamedTuple):
    """Messages of one partition in their order: a list of each thing that they have. `milliseconds`: Kafka's Unix time,
    -1 where a record has none."""

    partition: PartitionKey
    offsets: list[int]
    milliseconds: list[int]
    values: list[bytes | None]

    def each(self) -> Iterator[Received]:
        for offset, milliseconds, value in zip(self.offsets, self.milliseconds, self.values, strict=True):
            yield _received(self.partition, offset, milliseconds, value)

    def last(self) -> Received:
        return _received(self.partition, self.offsets[-1], self.milliseconds[-1], self.values[-1])

    def cut(self, size: int) -> Iterator[Stretch]:
        """In pieces of at most `size` messages."""
        for start in range(0, len(self.offsets), size):
            some = slice(start, start + size)
            yield Stretch(self.partition, self.offsets[some], self.milliseconds[some], self.values[some])


def stretches(messages: Sequence[Message]) -> list[Stretch]:
    """Messages that are records, in the order in which they came: retention puts rows that come later into later units.
    One call of the client for each thing and message, and no more."""
    topics, numbers = map(Message.topic, messages), map(Message.partition, messages)
    partitions: list[PartitionKey] = list(zip(topics, numbers, strict=True))  # type: ignore[arg-type]
    found = []
    at = 0
    for key, same in groupby(partitions):
        some = messages[at : at + len(list(same))]
        at += len(some)
        offsets: list[int] = list(map(Message.offset, some))  # type: ignore[arg-type]
        milliseconds = [milliseconds for _, milliseconds in map(Message.timestamp, some)]
        found.append(Stretch(key, offsets, milliseconds, list(map(Message.value, some))))
    return found


def place(message: Message) -> tuple[PartitionKey, int]:
    """Where a message, or an error of a partition, stands; -1 for an offset that the client does not know."""
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None and partition is not None  # only errors of the client lack them
    return (topic, partition), -1 if offset is None else offset


def received(message: Message) -> Received:
    key, offset = place(message)
    _, milliseconds = message.timestamp()
    return _received(key, offset, milliseconds, message.value())


def _received(key: PartitionKey, offset: int, milliseconds: int, value: bytes | None) -> Received:
    size = 0
    if value is not None and len(value) > LARGEST_VALUE:
        value, size = value[:LARGEST_VALUE], len(value)
    if milliseconds < 0:  # as messages of Kafka's oldest formats
        return Received(key, offset, time.time_ns(), value, has_time=False, size=size)
    return Received(key, offset, milliseconds * 1_000_000, value, size=size)
