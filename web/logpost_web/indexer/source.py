"""The indexer's side of Kafka: a member of its consumer group that says what it was given and what it lost."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from logpost.config import Config
from logpost.errors import LogpostError
from logpost.kafka import Complaints, client_settings, ensure_logs_topic, has_topic
from logpost_web.indexer.consumer_settings import CLIENT, consumer_settings
from logpost_web.indexer.instance_id import instance_id
from logpost_web.indexer.planner import PartitionKey
from logpost_web.indexer.reading import Bounds
from logpost_web.indexer.received import Stretch, place, stretches
from logpost_web.indexer.topics import REQUEST_SECONDS, Topics

REACH_SECONDS = 0.5
"""How long the first contact may take before it is tried again; a drain waits for it."""
CLOSE_SECONDS = 5.0
"""How long the last commit may take at the end."""

_OBSTACLES = frozenset(
    {
        KafkaError._AUTO_OFFSET_RESET,
        KafkaError._BAD_COMPRESSION,
        KafkaError._BAD_MSG,
        KafkaError._NOT_IMPLEMENTED,
        KafkaError._PARTIAL,
        KafkaError._UNDERFLOW,
        KafkaError.INVALID_MSG,
        KafkaError.OFFSET_OUT_OF_RANGE,
    }
)
"""What the client says of a record that it cannot read, or of an offset that is not there."""

FENCED = (
    "the broker gave this store's place in the group to another consumer, twice in a row: another web has a copy of"
    " this store. Remove group-instance-id from the copy, and give it a store.group of its own"
)

log = logging.getLogger("indexer")


class FencedError(LogpostError):
    """Another consumer took this one's identity."""


class Source:
    """`begin` is called, from within `consume`, with all partitions whenever some were given or taken away. It returns
    where to read each from, or None when it is time to stop."""

    def __init__(
        self,
        config: Config,
        directory: Path,
        begin: Callable[[Collection[PartitionKey]], Mapping[PartitionKey, int] | None],
    ) -> None:
        self._config = config
        self._begin = begin
        self._topic_ids: dict[str, str] = {}
        self._rebalanced = False
        self.away = False
        """No broker answers."""
        self._met_again = False
        self._uncommitted = False
        self.failed: dict[PartitionKey, str] = {}
        """Partitions at whose next offset the client failed, and what it said."""
        self.assigned: dict[PartitionKey, int] = {}
        """Partitions of this member with the offset at which it began."""
        self.ends: dict[PartitionKey, int] = {}
        """Where the client came to the end of a partition: beyond the last record that it gave out where markers of
        transactions follow it, which it keeps to itself."""
        # What librdkafka says at every reconnect is said here once.
        quiet = logging.getLogger("indexer.librdkafka")
        quiet.setLevel(logging.CRITICAL)
        self._complaints = Complaints()
        asking: dict[str, Any] = {**client_settings(config.kafka, CLIENT), "error_cb": self._complaints}
        self._admin = AdminClient(asking, logger=quiet)
        self.topics = Topics(self._admin)
        asks = consumer_settings(config, instance_id(directory))
        listening = {"error_cb": self._on_error, "on_commit": self._on_commit}
        self._new_consumer = partial(Consumer, asks | listening, logger=quiet)
        self._consumer: Consumer = self._new_consumer()

    def subscribe(self) -> None:
        """Create the logs topic if it is missing, and join the group; a broker that does not let us create topics may
        have them all the same. Raises KafkaException when it is away."""
        try:
            has_topic(self._admin, self._config.kafka.topic, REACH_SECONDS)
            ensure_logs_topic(self._config.kafka, self._admin, REQUEST_SECONDS)
        except KafkaException as error:
            if error.args[0].code() < 0:  # the client's own codes: nobody answered
                raise
            log.warning("cannot create the topic %s: %s", self._config.kafka.topic, error.args[0].str())
        self._subscribe()

    def cause(self) -> str:
        """Why no broker answers, such as `Connection refused`; the empty text where that is not known."""
        self._admin.poll(0)
        return self._complaints.cause

    def begin_again(self) -> None:
        """Join the group again: partitions may be others now."""
        self._consumer.unsubscribe()
        self._subscribe()

    def take_back(self) -> None:
        """Join the group again as another client, since one that was fenced does no more."""
        self.close()
        self._on_revoke(self._consumer, [])
        self._rebalanced = self.away = self._met_again = False
        self._consumer = self._new_consumer()
        self._subscribe()

    def look_again(self) -> None:
        """Ask again where to read the partitions from: something about them, or about the store, has changed."""
        self._assign(self._consumer, list(self.assigned))

    def seek(self, partition: PartitionKey, offset: int) -> None:
        """Read on at `offset`. Raises KafkaException."""
        self._consumer.seek(TopicPartition(*partition, offset))

    def read_on(self, offsets: Mapping[PartitionKey, int]) -> None:
        """Begin all partitions again, at these offsets: after an error a seek alone may leave one of them standing.
        Raises KafkaException."""
        self._consumer.assign([TopicPartition(*key, offset) for key, offset in offsets.items()])

    def _subscribe(self) -> None:
        self._consumer.subscribe(
            [self._config.store.topics],
            on_assign=self._on_assign,
            on_revoke=self._on_revoke,
            on_lost=self._on_revoke,
        )

    def consume(self, limit: int, seconds: float, first_seconds: float = 0.0) -> list[Stretch]:
        """Up to `limit` messages, which come within `first_seconds` for the first and `seconds` for the others. Raises
        FencedError, and KafkaException when the client cannot go on for another reason."""
        messages = self._consumer.consume(1, first_seconds) if first_seconds else []
        if messages or not first_seconds:
            messages += self._consumer.consume(limit - len(messages), seconds)
        if self.away or self._rebalanced:  # not all may be looked at below, and what is fatal is said once
            for message in messages:
                _raise_if_fatal(message.error())
        if self.away and any(_is_answer(message) for message in messages):
            if not self._met_again:
                # It may be another one, or an older state of it. Errors from before are still to come: it is away.
                self._met_again = True
                self.look_again()
                self._rebalanced = False
                return []
            self.away = self._met_again = False
            log.info("the broker is back")
        if self._rebalanced:
            self._rebalanced = False
            if messages:
                # Some may be from before the rebalance. Begin again where the new assignment begins.
                self._consumer.assign([TopicPartition(*key, offset) for key, offset in self.assigned.items()])
                return []
        if any(map(Message.error, messages)):
            messages = [message for message in messages if self._is_record(message)]
        return stretches(messages)

    def _is_record(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return True
        _raise_if_fatal(error)
        if error.code() == KafkaError._PARTITION_EOF:
            key, offset = place(message)
            self.ends[key] = offset
        elif message.topic() is not None and error.code() in _OBSTACLES:
            key, _ = place(message)
            self.failed[key] = error.str()
        elif not error.retriable():
            log.warning("%s", error.str())
        return False

    def commit(self, offsets: Mapping[PartitionKey, tuple[int, str]]) -> None:
        """Commit without waiting, because the client would wait for a broker that is away. A failure is no loss: what
        is in the store is recognised there when it comes again. With each offset goes the id of what it is of."""
        if not offsets:
            return
        positions = [TopicPartition(*key, offset, metadata=topic_id) for key, (offset, topic_id) in offsets.items()]
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

    def topics_were_made_again(self) -> bool:
        """Whether a topic is not the one that `bounds` told of: it was deleted, and perhaps made again under its
        name. The client itself goes on at its old offset in the new topic. Raises KafkaException."""
        return self.topics.ids(list(self._topic_ids)) != self._topic_ids

    def committed(self, partitions: Collection[PartitionKey]) -> dict[PartitionKey, int]:
        """What the group has committed, 0 for nothing. Raises KafkaException."""
        asked = [TopicPartition(*key) for key in partitions]
        found = self._consumer.committed(asked, timeout=REQUEST_SECONDS) if asked else []
        return {(one.topic, one.partition): max(one.offset, 0) for one in found}

    def bounds(self, partitions: Collection[PartitionKey]) -> dict[PartitionKey, Bounds]:
        """What the broker has of them now. Raises KafkaException."""
        self._topic_ids = self.topics.ids(sorted({topic for topic, _ in partitions}))
        asked = [TopicPartition(*key) for key in partitions]
        found = self._consumer.committed(asked, timeout=REQUEST_SECONDS)
        starts, ends = self.topics.starts(asked), self.topics.ends(asked)
        bounds = {}
        for one in found:
            key = (one.topic, one.partition)
            bounds[key] = Bounds(
                topic_id=self._topic_ids[one.topic],
                committed=max(one.offset, 0),
                committed_id=one.metadata or "",
                start=starts[key],
                end=ends[key],
            )
        return bounds

    def close(self) -> None:
        """Wait for the last commit, but not for a broker that is away."""
        closing = threading.Thread(target=self._consumer.close, name="indexer-close", daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._assign(consumer, [(one.topic, one.partition) for one in partitions])

    def _assign(self, consumer: Consumer, partitions: Collection[PartitionKey]) -> None:
        self.ends.clear()
        self.failed.clear()
        self.topics.forget_settings()
        self._rebalanced = True
        begins = self._begin(partitions)
        if begins is None:
            return
        consumer.assign([TopicPartition(*key, offset) for key, offset in begins.items()])
        self.assigned = dict(begins)

    def _on_revoke(self, _: Consumer, __: list[TopicPartition]) -> None:
        self.assigned = {}
        self._rebalanced = True
        self._begin(())

    def _on_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN and not self.away:
            self.away = True
            log.warning("waiting for the broker at %s", self._config.kafka.bootstrap_servers)

    def _on_commit(self, error: KafkaError | None, _: list[TopicPartition]) -> None:
        if error is not None and error.code() != KafkaError._NO_OFFSET and not self._uncommitted:
            log.warning("offsets are not committed yet: %s", error.str())
        self._uncommitted = error is not None


def _raise_if_fatal(error: KafkaError | None) -> None:
    """Raises FencedError and KafkaException."""
    if error is not None and (error.fatal() or error.code() == KafkaError._FATAL):
        raise FencedError(FENCED) if "fenced" in error.str() else KafkaException(error)


def _is_answer(message: Message) -> bool:
    """Whether a broker sent it, rather than the client for want of one."""
    error = message.error()
    return error is None or error.code() == KafkaError._PARTITION_EOF
