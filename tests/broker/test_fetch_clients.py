"""Real consumers of many partitions, whose topics are deleted and made again while they read; those that keep fetch
sessions (kafka-python, and Kafka's own) and those that do not."""

from __future__ import annotations

import asyncio
import time
import uuid
import warnings
from collections.abc import Iterator

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka import TopicPartition as AioTopicPartition
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from logpost_broker import Broker
from logpost_broker.broker import EMBEDDED

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # kafka-python reads its schemas by a deprecated function
    import kafka

pytestmark = pytest.mark.filterwarnings("ignore:read_text is deprecated:DeprecationWarning")

PARTITIONS = 40
SECONDS = 90.0
METADATA_MS = 300


class Topics:
    """Two topics: one stays, the other is deleted and made again."""

    def __init__(self, broker: Broker) -> None:
        self.servers = broker.bootstrap_servers
        self.stays, self.goes = (f"{kind}-{uuid.uuid4().hex}" for kind in ("stays", "goes"))
        self._admin = AdminClient({"bootstrap.servers": self.servers})
        self._producer = Producer(
            {"bootstrap.servers": self.servers, "topic.metadata.refresh.interval.ms": METADATA_MS}
        )
        self._made = 0
        for name in (self.stays, self.goes):
            self._create(name)

    def _create(self, name: str) -> None:
        self._admin.create_topics([NewTopic(name, PARTITIONS, 1)])[name].result(SECONDS)

    def replace(self) -> None:
        self._admin.delete_topics([self.goes])[self.goes].result(SECONDS)
        self._create(self.goes)

    def produce(self, name: str) -> set[bytes]:
        """A message to each third partition; returns the values."""
        values = set()
        for partition in range(0, PARTITIONS, 3):
            self._made += 1
            values.add(b"%d" % self._made)
            self._producer.produce(name, b"%d" % self._made, partition=partition)
        assert self._producer.flush(SECONDS) == 0
        return values


@pytest.fixture
def topics() -> Iterator[Topics]:
    """A client that asks for a topic that is just being replaced must not make it."""
    with Broker(msgspec.structs.replace(EMBEDDED, auto_create_topics=False)) as broker:
        yield Topics(broker)


class Reader:
    """A consumer that reads until it has what is expected."""

    def poll(self) -> list[bytes]:
        raise NotImplementedError

    def expect(self, expected: set[bytes]) -> None:
        found: set[bytes] = set()
        deadline = time.monotonic() + SECONDS
        while not expected <= found:
            assert time.monotonic() < deadline, f"{len(expected - found)} of {len(expected)} did not come"
            found.update(self.poll())
        assert found == expected

    def expect_again(self, topics: Topics) -> None:
        """The topic was made again: some round of messages comes whole, and all that follow. kafka-python takes the new
        topic for the old one cut by a crash, and reads on at the end that it finds, on Apache Kafka as well."""
        found: set[bytes] = set()
        deadline = time.monotonic() + SECONDS
        last = topics.produce(topics.goes)
        while not last <= found:
            assert time.monotonic() < deadline, f"{len(last - found)} of {len(last)} did not come"
            polled = self.poll()
            found.update(polled)
            if not polled:
                last = topics.produce(topics.goes)


class KafkaPython(Reader):
    def __init__(self, topics: Topics) -> None:
        self._consumer = kafka.KafkaConsumer(
            bootstrap_servers=topics.servers,
            auto_offset_reset="earliest",
            group_id=None,
            metadata_max_age_ms=METADATA_MS,
        )
        self._consumer.assign(
            [kafka.TopicPartition(name, number) for name in (topics.stays, topics.goes) for number in range(PARTITIONS)]
        )

    def poll(self) -> list[bytes]:
        return [record.value for records in self._consumer.poll(500).values() for record in records]

    def close(self) -> None:
        self._consumer.close()


class ConfluentKafka(Reader):
    def __init__(self, topics: Topics) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": topics.servers,
                "group.id": "none",
                "auto.offset.reset": "earliest",
                "topic.metadata.refresh.interval.ms": METADATA_MS,
            }
        )
        self._consumer.assign(
            [TopicPartition(name, number, 0) for name in (topics.stays, topics.goes) for number in range(PARTITIONS)]
        )

    def poll(self) -> list[bytes]:
        return [message.value() or b"" for message in self._consumer.consume(100, 0.5) if message.error() is None]

    def close(self) -> None:
        self._consumer.close()


def story(reader: Reader, topics: Topics) -> None:
    for _ in range(3):
        reader.expect(topics.produce(topics.stays))
        reader.expect(topics.produce(topics.goes))
    topics.replace()
    reader.expect(topics.produce(topics.stays))
    reader.expect_again(topics)
    reader.expect(topics.produce(topics.goes))
    reader.expect(topics.produce(topics.stays))


def test_kafka_python_reads_by_sessions(topics: Topics) -> None:
    reader = KafkaPython(topics)
    story(reader, topics)
    reader.close()


def test_confluent_kafka_reads_without_sessions(topics: Topics) -> None:
    reader = ConfluentKafka(topics)
    story(reader, topics)
    reader.close()


async def aiokafka_story(topics: Topics) -> None:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=topics.servers, auto_offset_reset="earliest", metadata_max_age_ms=METADATA_MS
    )
    await consumer.start()
    consumer.assign(
        [AioTopicPartition(name, number) for name in (topics.stays, topics.goes) for number in range(PARTITIONS)]
    )

    async def expect(expected: set[bytes]) -> None:
        found = {(await asyncio.wait_for(consumer.getone(), SECONDS)).value for _ in expected}
        assert found == expected

    for _ in range(3):
        await expect(await asyncio.to_thread(topics.produce, topics.stays))
        await expect(await asyncio.to_thread(topics.produce, topics.goes))
    await asyncio.to_thread(topics.replace)
    await expect(await asyncio.to_thread(topics.produce, topics.stays))
    await expect(await asyncio.to_thread(topics.produce, topics.goes))
    await consumer.stop()


def test_aiokafka_reads_without_sessions(topics: Topics) -> None:
    asyncio.run(aiokafka_story(topics))


@pytest.mark.parametrize(("compression_type", "found"), [("producer", 2), ("zstd", 40)])
def test_limits_count_bytes_as_they_are_kept(broker: Broker, compression_type: str, found: int) -> None:
    """Forty records of 50 kB, each a batch, and a consumer that takes 110 kB of a partition."""

    async def first_answer() -> int:
        topic = AioTopicPartition("t", 0)
        async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers, acks="all") as producer:
            for _ in range(40):
                await producer.send_and_wait("t", b"x" * 50_000, partition=0)
        async with AIOKafkaConsumer(
            bootstrap_servers=broker.bootstrap_servers, max_partition_fetch_bytes=110_000
        ) as consumer:
            consumer.assign([topic])
            await consumer.seek_to_beginning(topic)
            answer = await consumer.getmany(timeout_ms=60_000, max_records=None)
            return len(answer[topic])

    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    admin.create_topics([NewTopic("t", 1, 1, config={"compression.type": compression_type})])["t"].result(SECONDS)
    assert asyncio.run(first_answer()) == found
