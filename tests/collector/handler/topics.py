"""A topic of log records, read back with confluent-kafka."""

from __future__ import annotations

import time
from collections.abc import Iterable

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from logpost.record import Record

READ_SECONDS = 90.0


class Topic:
    """A topic on the broker at `servers`."""

    def __init__(self, servers: str, name: str) -> None:
        self.servers = servers
        self.name = name
        self.keys: set[object] = set()
        """The keys of what was read."""

    def create(self, max_message_bytes: int) -> None:
        """With one partition, so that its order is the order of all records."""
        topic = NewTopic(self.name, num_partitions=1, config={"max.message.bytes": str(max_message_bytes)})
        admin = AdminClient({"bootstrap.servers": self.servers})
        for future in admin.create_topics([topic]).values():
            future.result()

    def read(self, count: int) -> list[Record]:
        """The first `count` records; AssertionError when they do not come, or when more come with them."""
        consumer = Consumer({"bootstrap.servers": self.servers, "group.id": "unused", "enable.auto.commit": False})
        records: list[Record] = []
        consumer.assign([TopicPartition(self.name, index, OFFSET_BEGINNING) for index in self._await_partitions()])
        try:
            while len(records) < count:
                message = consumer.poll(READ_SECONDS)
                assert message is not None, f"only {len(records)} of {count} records came"
                self._add(message, records)
            while (message := consumer.poll(0)) is not None:
                self._add(message, records)
        finally:
            consumer.close()
        assert len(records) == count
        return records

    def _add(self, message: Message, records: list[Record]) -> None:
        value = message.value()
        if message.error() is None and isinstance(value, bytes):
            records.append(msgspec.json.decode(value, type=Record))
            self.keys.add(message.key())

    def _await_partitions(self) -> range:
        deadline = time.monotonic() + READ_SECONDS
        while not (count := self.partitions()):
            assert time.monotonic() < deadline, f"nobody made the topic {self.name}"
        return range(count)

    def partitions(self) -> int:
        """Number of partitions, 0 when there is no such topic."""
        topics = AdminClient({"bootstrap.servers": self.servers}).list_topics(timeout=READ_SECONDS).topics
        return len(topics[self.name].partitions) if self.name in topics else 0

    @staticmethod
    def ranges(records: Iterable[Record]) -> list[tuple[int, int]]:
        return sorted((record.src.start, record.src.end) for record in records if record.src)

    @staticmethod
    def streams(records: Iterable[Record]) -> int:
        return len({record.src.id for record in records if record.src})
