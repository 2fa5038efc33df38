"""Reads a logs topic from its beginning, as any Kafka consumer would."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from logpost.record import Record

WAIT_SECONDS = 240.0


class TopicReader:
    """All records of a topic so far, in order of partition and arrival."""

    def __init__(self, bootstrap_servers: str, topic: str = "logs") -> None:
        self.records: list[Record] = []
        self.keys: list[bytes] = []
        self._topic = topic
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": "test",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 50,
                "reconnect.backoff.max.ms": 200,
            }
        )
        self._assigned = False

    def read_until(self, complete: Callable[[list[Record]], bool], seconds: float = WAIT_SECONDS) -> list[Record]:
        """Read until `complete(records)`; AssertionError when it does not come true."""
        deadline = time.monotonic() + seconds
        while not complete(self.records):
            assert time.monotonic() < deadline, f"{len(self.records)} records; the last ones: {self.records[-5:]}"
            if not self._assigned:
                self._assign()
            for message in self._consumer.consume(10_000, 0.1):
                self._take(message)
        return self.records

    def read_count(self, count: int, seconds: float = WAIT_SECONDS) -> list[Record]:
        return self.read_until(lambda records: len(records) >= count, seconds)

    def close(self) -> None:
        self._consumer.close()

    def _assign(self) -> None:
        found = self._consumer.list_topics(self._topic, timeout=60).topics[self._topic]
        if found.error is None:
            self._consumer.assign([TopicPartition(self._topic, number, 0) for number in found.partitions])
            self._assigned = True

    def _take(self, message: Message) -> None:
        error = message.error()
        if error is not None:
            assert error.code() in (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT), error
            return
        key, value = message.key(), message.value()
        assert isinstance(key, bytes) and isinstance(value, bytes)
        self.keys.append(key)
        self.records.append(msgspec.json.decode(value, type=Record))
