"""The indexer's side of Kafka: a member of its consumer group that says what it was given and what it lost."""

from __future__ import annotations

import contextlib
import logging
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from logpost.config import Config
from logpost.kafka import client_settings, ensure_logs_topic
from logpost_web.indexer.planner import PartitionKey

SESSION_TIMEOUT_MS = 10_000
QUEUED_KILOBYTES = 32 * 1024
"""What librdkafka fetches ahead at most."""
REQUEST_SECONDS = 5.0

log = logging.getLogger("indexer")


class Received(NamedTuple):
    """A message. `timestamp_ns`: Kafka's, Unix nanoseconds."""

    partition: PartitionKey
    offset: int
    timestamp_ns: int
    value: bytes | None


class Source:
    """`changed` is called, from within `consume`, whenever partitions were given or taken away."""

    def __init__(self, config: Config, directory: Path, changed: Callable[[], None]) -> None:
        self._config = config
        self._changed = changed
        self._topic_ids: dict[str, str] = {}
        self._rebalanced = False
        self.assigned: dict[PartitionKey, int] = {}
        """Partitions of this member with the committed offset at which it began, OFFSET_INVALID where there is none."""
        settings = client_settings(config.kafka, "logpost-indexer")
        self._admin = AdminClient(settings, logger=log)
        self._consumer = Consumer(
            {
                **settings,
                "group.id": config.store.group,
                # A static member that was killed gets its partitions back at once (KIP-345).
                "group.instance.id": _instance_id(directory),
                "session.timeout.ms": SESSION_TIMEOUT_MS,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "topic.metadata.refresh.interval.ms": 1000,
                "queued.max.messages.kbytes": QUEUED_KILOBYTES,
                "fetch.wait.max.ms": 100,
            },
            logger=log,
        )

    def subscribe(self) -> None:
        """Create the logs topic if it is missing, and join the group. Raises KafkaException when the broker is away."""
        ensure_logs_topic(self._config.kafka, self._admin, REQUEST_SECONDS)
        self._subscribe()

    def begin_again(self) -> None:
        """Join the group anew: every partition begins at what is committed now."""
        self._consumer.unsubscribe()
        self._subscribe()

    def _subscribe(self) -> None:
        self._consumer.subscribe(
            [self._config.store.topics],
            on_assign=self._on_assign,
            on_revoke=self._on_revoke,
            on_lost=self._on_revoke,
        )

    def consume(self, limit: int, seconds: float) -> list[Received]:
        """Up to `limit` messages; waits at most `seconds` for the first ones."""
        messages = self._consumer.consume(limit, seconds)
        if self._rebalanced:
            self._rebalanced = False
            if messages:
                # Some may be from before the rebalance. Begin again where the new assignment begins.
                self._consumer.assign([TopicPartition(*key, offset) for key, offset in self.assigned.items()])
                return []
        received = []
        for message in messages:
            error = message.error()
            if error is None:
                received.append(_received(message))
            elif error.code() != KafkaError._PARTITION_EOF and not error.retriable():
                log.warning("%s", error.str())
        return received

    def commit(self, offsets: Mapping[PartitionKey, int]) -> None:
        """Commit and wait. A failure is no loss: what is in the store is recognised there when it comes again."""
        positions = [TopicPartition(topic, partition, offset) for (topic, partition), offset in offsets.items()]
        try:
            self._consumer.commit(offsets=positions, asynchronous=False)
        except KafkaException as error:
            log.warning("offsets are not committed yet: %s", error.args[0].str())

    def end_offset(self, partition: PartitionKey) -> int:
        """Newest end that a fetch has told, -1 before the first."""
        try:
            _, end = self._consumer.get_watermark_offsets(TopicPartition(*partition), cached=True)
        except KafkaException:
            return -1
        return max(end, -1)

    def topic_id(self, topic: str) -> str:
        """Kafka's id of the topic (KIP-516) as it was when the topic was first asked for; empty when there is no such
        topic any more. Raises KafkaException."""
        if topic not in self._topic_ids:
            self._topic_ids |= self._current_ids([topic])
        return self._topic_ids[topic]

    def topics_were_made_anew(self) -> bool:
        """Whether a topic is not the one that `topic_id` told of: it was deleted, and perhaps made again under its
        name. The client itself goes on at its old offset in the new topic. Raises KafkaException."""
        return self._current_ids(list(self._topic_ids)) != self._topic_ids

    def _current_ids(self, topics: list[str]) -> dict[str, str]:
        if not topics:
            return {}
        described = self._admin.describe_topics(TopicCollection(topics), request_timeout=REQUEST_SECONDS)
        ids = {}
        for topic, future in described.items():
            try:
                ids[topic] = str(future.result(REQUEST_SECONDS).topic_id)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                    raise
                ids[topic] = ""
        return ids

    def close(self) -> None:
        self._consumer.close()

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._topic_ids.clear()
        with contextlib.suppress(KafkaException):  # then the first message tells where the partition begins
            partitions = consumer.committed(partitions, timeout=REQUEST_SECONDS)
        self.assigned = {(found.topic, found.partition): found.offset for found in partitions}
        self._rebalanced = True
        self._changed()

    def _on_revoke(self, _: Consumer, __: list[TopicPartition]) -> None:
        self.assigned = {}
        self._rebalanced = True
        self._changed()


def _received(message: Message) -> Received:
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None and partition is not None and offset is not None  # only errors lack them
    return Received((topic, partition), offset, message.timestamp()[1] * 1_000_000, message.value())


def _instance_id(directory: Path) -> str:
    """One per store, kept beside it: a second web with a store of its own is another member."""
    file = directory / "group-instance-id"
    with contextlib.suppress(FileNotFoundError):
        return file.read_text(encoding="ascii").strip()
    made = f"indexer-{uuid.uuid4()}"
    file.write_text(made, encoding="ascii")
    return made
