"""Single records of the topics that are indexed, as they stand there."""

from __future__ import annotations

import logging
import re

import anyio
import anyio.to_thread
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from logpost.config import Config
from logpost.kafka import client_settings

READS_AT_ONCE = 2
"""Each record is in memory as a whole."""
SECONDS = 60.0
"""How long one record may take: librdkafka takes seconds to unpack one of hundreds of megabytes."""
ASK_SECONDS = 10.0
"""How long the broker may take to say whether it is there."""

quiet = logging.getLogger("web.librdkafka")


class TopicReader:
    """For one event loop."""

    def __init__(self, config: Config, seconds: float = SECONDS) -> None:
        self._config = config
        self._seconds = seconds
        self._limiter = anyio.CapacityLimiter(READS_AT_ONCE)

    async def value(self, topic: str, partition: int, offset: int) -> bytes | None:
        """None where there is no such record. Raises KafkaException when the broker cannot be asked."""
        if not self._is_indexed(topic):
            return None
        place = TopicPartition(topic, partition, offset)
        return await anyio.to_thread.run_sync(self._read, place, limiter=self._limiter)

    def _is_indexed(self, topic: str) -> bool:
        topics = self._config.store.topics
        return bool(re.match(topics, topic)) if topics.startswith("^") else topic == topics

    def _read(self, place: TopicPartition) -> bytes | None:
        consumer = Consumer(
            {
                **client_settings(self._config.kafka, "logpost-web-record"),
                "group.id": "logpost-web-record",  # the client wants one; it is never joined
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
                "queued.min.messages": 1,
                "queued.max.messages.kbytes": 1024,
            },
            logger=quiet,
        )
        try:
            return self._value_at(consumer, place) if self._is_there(consumer, place) else None
        finally:
            consumer.close()

    def _is_there(self, consumer: Consumer, place: TopicPartition) -> bool:
        # Asked for all topics: asked for one, the broker may create it.
        topic = consumer.list_topics(timeout=min(ASK_SECONDS, self._seconds)).topics.get(place.topic)
        if topic is None or place.partition not in topic.partitions:
            return False
        low, high = consumer.get_watermark_offsets(place, timeout=min(ASK_SECONDS, self._seconds))
        return bool(low <= place.offset < high)

    def _value_at(self, consumer: Consumer, place: TopicPartition) -> bytes | None:
        consumer.assign([place])
        message = consumer.poll(self._seconds)
        if message is None:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        error = message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            raise KafkaException(error)
        # What was compacted, and markers of transactions, are passed over.
        return (message.value() or b"") if error is None and message.offset() == place.offset else None
