"""The compacted topic `__logpost_deletes`: what was deleted, for every store that is filled from this Kafka.

A store that is removed, put back from a copy, or filled by another web reads it before it indexes, and leaves out what
is there.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from logpost.config import KafkaConfig
from logpost.kafka import MAX_MESSAGE_BYTES, client_settings, has_topic
from logpost_web.deletion.record import Header, encode_header, encode_part, part_key
from logpost_web.store.deleted import DeletedRow

TOPIC = "__logpost_deletes"
SECONDS = 10.0
"""How long one question, or one record, may take."""

quiet = logging.getLogger("deletion.librdkafka")
quiet.setLevel(logging.CRITICAL)


class DeletionTopic:
    """Methods raise KafkaException when the broker is away, or refuses."""

    def __init__(self, config: KafkaConfig) -> None:
        self._settings = client_settings(config, "logpost-deletes")
        self._admin: AdminClient | None = None

    def exists(self) -> bool:
        return has_topic(self._asking(), TOPIC, SECONDS)

    def _asking(self) -> AdminClient:
        """Its threads are made when somebody asks."""
        if self._admin is None:
            self._admin = AdminClient(self._settings, logger=quiet)
        return self._admin

    def write(self, header: Header, parts: Iterable[list[DeletedRow]] = ()) -> None:
        """Durable when it returns. Raises QueryError where `parts` does."""
        self._ensure()
        producer = Producer(
            {
                **self._settings,
                "enable.idempotence": True,
                "compression.type": "zstd",
                "message.max.bytes": MAX_MESSAGE_BYTES,
                "message.timeout.ms": int(SECONDS * 1000),
            },
            logger=quiet,
        )
        for number, rows in enumerate(parts):
            _send(producer, part_key(header.id, number), encode_part(rows))
        _send(producer, header.id, encode_header(header))

    def _ensure(self) -> None:
        if self.exists():
            return
        topic = NewTopic(TOPIC, num_partitions=1, replication_factor=-1, config={"cleanup.policy": "compact"})
        [future] = self._asking().create_topics([topic], request_timeout=SECONDS).values()
        error = future.exception()
        if isinstance(error, KafkaException) and error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return
        if error is not None:
            raise KafkaException(*error.args)

    def records(self) -> Iterator[tuple[str, bytes]]:
        """Keys and values of all that it has now."""
        consumer = Consumer(
            {
                **self._settings,
                "group.id": "logpost-deletes",  # the client wants one; it is never joined
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 10,
            },
            logger=quiet,
        )
        try:
            consumer.assign([TopicPartition(TOPIC, 0, OFFSET_BEGINNING)])
            deadline = time.monotonic() + SECONDS
            while (message := consumer.poll(max(deadline - time.monotonic(), 0))) is not None:
                error = message.error()
                if error is not None and error.code() == KafkaError._PARTITION_EOF:
                    return
                if error is not None:
                    raise KafkaException(error)
                deadline = time.monotonic() + SECONDS
                if (value := message.value()) is not None:
                    yield (message.key() or b"").decode(errors="replace"), value
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        finally:
            consumer.close()


def _send(producer: Producer, key: str, value: bytes) -> None:
    failed: list[KafkaError] = []
    # The partition that is read, also where somebody made the topic with several.
    producer.produce(TOPIC, value, key, 0, on_delivery=lambda error, _: failed.append(error) if error else None)
    if producer.flush(SECONDS + 1):
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
    if failed:
        raise KafkaException(failed[0])
