"""The indexer's side of Kafka: a member of its consumer group that says what it was given and what it lost."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import (
    OFFSET_BEGINNING,
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
REACH_SECONDS = 0.5
"""How long the first contact may take before it is tried again; a drain waits for it."""
REQUEST_SECONDS = 5.0
CLOSE_SECONDS = 5.0
"""How long the last commit may take at the end."""

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
        self.away = False
        """No broker answers."""
        self._uncommitted = False
        self.assigned: dict[PartitionKey, int] = {}
        """Partitions of this member with the offset at which it began; negative where none was committed."""
        self.ends: dict[PartitionKey, int] = {}
        """Where the client came to the end of a partition: beyond the last record that it gave out where markers of
        transactions follow it, which it keeps to itself."""
        settings = client_settings(config.kafka, "logpost-indexer")
        # What librdkafka says at every reconnect is said here once.
        quiet = logging.getLogger("indexer.librdkafka")
        quiet.setLevel(logging.CRITICAL)
        self._admin = AdminClient(settings, logger=quiet)
        self._consumer = Consumer(
            {
                **settings,
                "group.id": config.store.group,
                # A static member that was killed gets its partitions back at once (KIP-345).
                "group.instance.id": _instance_id(directory),
                "session.timeout.ms": SESSION_TIMEOUT_MS,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "topic.metadata.refresh.interval.ms": 1000,
                "queued.max.messages.kbytes": QUEUED_KILOBYTES,
                "fetch.wait.max.ms": 100,
                "error_cb": self._on_error,
                "on_commit": self._on_commit,
            },
            logger=quiet,
        )

    def subscribe(self) -> None:
        """Create the logs topic if it is missing, and join the group; a broker that does not let us create topics may
        have them all the same. Raises KafkaException when it is away."""
        self._admin.list_topics(timeout=REACH_SECONDS)
        try:
            ensure_logs_topic(self._config.kafka, self._admin, REQUEST_SECONDS)
        except KafkaException as error:
            if error.args[0].code() < 0:  # the client's own codes: nobody answered
                raise
            log.warning("cannot create the topic %s: %s", self._config.kafka.topic, error.args[0].str())
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
        """Up to `limit` messages; waits at most `seconds` for them. Raises KafkaException when the client cannot go on:
        another one took its identity."""
        messages = self._consumer.consume(limit, seconds)
        if messages and self.away:
            self.away = False
            log.info("the broker is back")
        if self._rebalanced:
            self._rebalanced = False
            if messages:
                # Some may be from before the rebalance. Begin again where the new assignment begins.
                self._consumer.assign([TopicPartition(*key, offset) for key, offset in self.assigned.items()])
                return []
        return [_received(message) for message in messages if self._is_record(message)]

    def _is_record(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return True
        if error.code() == KafkaError._PARTITION_EOF:
            key, offset = _place(message)
            self.ends[key] = offset
        elif error.fatal() or error.code() == KafkaError._FATAL:
            raise KafkaException(error)
        elif not error.retriable():
            log.warning("%s", error.str())
        return False

    def commit(self, offsets: Mapping[PartitionKey, int]) -> None:
        """Commit without waiting, because the client would wait for a broker that is away. A failure is no loss: what
        is in the store is recognised there when it comes again. With the offset goes the id of its topic."""
        positions = [
            TopicPartition(*key, offset, metadata=self._topic_ids.get(key[0], "")) for key, offset in offsets.items()
        ]
        try:
            self._consumer.commit(offsets=positions, asynchronous=True)
        except KafkaException as error:
            self._on_commit(error.args[0], positions)

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
        """Wait for the last commit, but not for a broker that is away."""
        closing = threading.Thread(target=self._consumer.close, name="indexer-close", daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._topic_ids.clear()
        self.ends.clear()
        with contextlib.suppress(KafkaException):  # then the client finds what is committed by itself
            committed = consumer.committed(partitions, timeout=REQUEST_SECONDS)
            self._topic_ids = self._current_ids(sorted({one.topic for one in committed}))
            partitions = [TopicPartition(one.topic, one.partition, self._start(one)) for one in committed]
            consumer.assign(partitions)
        self.assigned = {(found.topic, found.partition): found.offset for found in partitions}
        self._rebalanced = True
        self._changed()

    def _start(self, committed: TopicPartition) -> int:
        """The committed offset, unless it was committed for an earlier topic of this name."""
        if committed.metadata and committed.metadata != self._topic_ids[committed.topic]:
            return OFFSET_BEGINNING
        return committed.offset

    def _on_revoke(self, _: Consumer, __: list[TopicPartition]) -> None:
        self.assigned = {}
        self._rebalanced = True
        self._changed()

    def _on_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN and not self.away:
            self.away = True
            log.warning("waiting for the broker at %s", self._config.kafka.bootstrap_servers)

    def _on_commit(self, error: KafkaError | None, _: list[TopicPartition]) -> None:
        if error is not None and error.code() != KafkaError._NO_OFFSET and not self._uncommitted:
            log.warning("offsets are not committed yet: %s", error.str())
        self._uncommitted = error is not None


def _place(message: Message) -> tuple[PartitionKey, int]:
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None and partition is not None and offset is not None  # only errors of the client lack them
    return (topic, partition), offset


def _received(message: Message) -> Received:
    _, milliseconds = message.timestamp()
    # Messages of Kafka's oldest formats have no time: -1.
    timestamp_ns = milliseconds * 1_000_000 if milliseconds >= 0 else time.time_ns()
    return Received(*_place(message), timestamp_ns, message.value())


def _instance_id(directory: Path) -> str:
    """One per store, kept beside it: a second web with a store of its own is another member."""
    file = directory / "group-instance-id"
    with contextlib.suppress(FileNotFoundError):
        return file.read_text(encoding="ascii").strip()
    made = f"indexer-{uuid.uuid4()}"
    file.write_text(made, encoding="ascii")
    return made
