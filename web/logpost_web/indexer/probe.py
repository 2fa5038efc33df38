"""Records of a topic at given offsets, read beside the group."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterator, Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from logpost.config import KafkaConfig
from logpost.kafka import client_settings
from logpost_web.indexer.planner import PartitionKey
from logpost_web.indexer.received import Received, place, received

SECONDS = 30.0
"""How long one question may take."""
QUEUED_KILOBYTES = 4096

quiet = logging.getLogger("indexer.librdkafka")


def mark(message: Received) -> int:
    """64 bits that tell a record from another at the same offset."""
    time_key = str(message.timestamp_ns if message.has_time else -1).encode()
    digest = hashlib.blake2b(message.value or b"", digest_size=8, key=time_key)
    return int.from_bytes(digest.digest(), "big")


class Probe:
    """A client without a group. Every call raises KafkaException when the broker is away."""

    def __init__(self, config: KafkaConfig) -> None:
        settings = client_settings(config, "logpost-indexer-probe")
        self._consumer = Consumer(
            {
                **settings,
                "group.id": "logpost-indexer-probe",  # the client wants one; it is never joined
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
                "queued.max.messages.kbytes": QUEUED_KILOBYTES,
                "fetch.wait.max.ms": 10,
            },
            logger=quiet,
        )

    def close(self) -> None:
        self._consumer.close()

    def at(self, offsets: Mapping[PartitionKey, int]) -> dict[PartitionKey, Received]:
        """The records at these offsets; those that are not there are left out."""
        found = {}
        waiting = set(offsets)
        for key, message in self._messages([TopicPartition(*key, offset) for key, offset in offsets.items()]):
            if message is not None and message.offset == offsets[key] and key in waiting:
                found[key] = message
            waiting.discard(key)
            if not waiting:
                break
        return found

    def span(self, key: PartitionKey, start: int, end: int) -> dict[int, Received]:
        """The records of offsets [start, end)."""
        found = {}
        if start < end:
            for _, message in self._messages([TopicPartition(*key, start)]):
                if message is None or message.offset >= end:
                    break
                found[message.offset] = message
                if message.offset == end - 1:
                    break
        return found

    def _messages(self, positions: list[TopicPartition]) -> Iterator[tuple[PartitionKey, Received | None]]:
        """Messages from there on; None for a partition that has no more, or whose next cannot be read."""
        if not positions:
            return
        self._consumer.assign(positions)
        deadline = time.monotonic() + SECONDS
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
            # One by one: `consume` would wait for as many as it is asked for.
            message = self._consumer.poll(left)
            if message is not None and message.topic() is not None and message.partition() is not None:
                yield self._read(message)

    def _read(self, message: Message) -> tuple[PartitionKey, Received | None]:
        key, _ = place(message)
        return key, received(message) if message.error() is None else None
