"""Every codec of real producers against every `compression.type` of a topic: what was sent is read back by all
clients, and lies in the log in the codec that the topic names."""

from __future__ import annotations

import asyncio
import datetime
import random
import uuid
import warnings
from collections.abc import Callable
from typing import Literal

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from logpost_broker import Broker
from logpost_broker.broker import EMBEDDED
from logpost_broker.log.batch import whole_batches
from logpost_broker.log.compression import CODECS, GZIP, LZ4, NONE, ZSTD
from tests.broker.wire_client import WireClient

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # kafka-python reads its schemas by a deprecated function
    import kafka

pytestmark = pytest.mark.filterwarnings("ignore:read_text is deprecated:DeprecationWarning")

MESSAGES = 40
SECONDS = 90.0
Values = list[bytes]


def sample(seed: str) -> Values:
    """Values of all sizes: some batches are small, some are compressed in a thread."""
    rng = random.Random(seed)
    return [b"%s %d " % (seed.encode(), number) * rng.choice([1, 20, 500]) for number in range(MESSAGES)]


def confluent_produces(broker: Broker, topic: str, codec: str, values: Values) -> None:
    producer = Producer(
        {"bootstrap.servers": broker.bootstrap_servers, "compression.type": codec, "enable.idempotence": True}
    )
    for value in values:
        producer.produce(topic, value)
    assert producer.flush(SECONDS) == 0


def aiokafka_produces(broker: Broker, topic: str, codec: str, values: Values) -> None:
    async def produce() -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=broker.bootstrap_servers, compression_type=None if codec == "none" else codec, linger_ms=5
        )
        async with producer:
            for sent in [await producer.send(topic, value) for value in values]:
                await sent

    asyncio.run(produce())


def kafka_python_produces(broker: Broker, topic: str, codec: str, values: Values) -> None:
    producer = kafka.KafkaProducer(
        bootstrap_servers=broker.bootstrap_servers, compression_type=None if codec == "none" else codec, linger_ms=5
    )
    for sent in [producer.send(topic, value) for value in values]:
        sent.get(SECONDS)
    producer.close()


PRODUCERS: dict[Callable[[Broker, str, str, Values], None], tuple[str, ...]] = {
    confluent_produces: ("none", "gzip", "snappy", "lz4", "zstd"),
    aiokafka_produces: ("none", "gzip", "snappy", "lz4", "zstd"),
    kafka_python_produces: ("none", "gzip", "lz4", "zstd"),  # its snappy needs another library
}


def confluent_reads(broker: Broker, topic: str, count: int) -> Values:
    consumer = Consumer({"bootstrap.servers": broker.bootstrap_servers, "group.id": "none", "check.crcs": True})
    consumer.assign([TopicPartition(topic, 0, 0)])
    found: Values = []
    while len(found) < count:
        messages = consumer.consume(count - len(found), timeout=SECONDS)
        assert messages, f"{len(found)} of {count}"
        found += [message.value() or b"" for message in messages if not message.error()]
    consumer.close()
    return found


def aiokafka_reads(broker: Broker, topic: str, count: int) -> Values:
    async def read() -> Values:
        consumer = AIOKafkaConsumer(topic, bootstrap_servers=broker.bootstrap_servers, auto_offset_reset="earliest")
        async with consumer:
            return [(await consumer.getone()).value for _ in range(count)]

    return asyncio.run(asyncio.wait_for(read(), SECONDS))


def kafka_python_reads(broker: Broker, topic: str, count: int) -> Values:
    consumer = kafka.KafkaConsumer(
        topic,
        bootstrap_servers=broker.bootstrap_servers,
        auto_offset_reset="earliest",
        consumer_timeout_ms=int(SECONDS * 1000),
    )
    found = [next(consumer).value for _ in range(count)]
    consumer.close()
    return found


def codecs_in_the_log(broker: Broker, topic: str) -> set[int]:
    """Of the batches that are large enough to matter."""
    wanted = [{"partition": 0, "fetch_offset": 0, "partition_max_bytes": 1 << 24}]
    request = {"max_wait": datetime.timedelta(0), "min_bytes": 1, "max_bytes": 1 << 24}
    with WireClient(broker.port) as client:
        answer = client.call("fetch", 11, request | {"topics": [{"topic": topic, "partitions": wanted}]})
    data = answer.responses[0].partitions[0].records
    return {header.codec for _, header in whole_batches(data) if header.codec or header.size_bytes > 1000}


@pytest.fixture
def admin(shared_broker: Broker) -> AdminClient:
    return AdminClient({"bootstrap.servers": shared_broker.bootstrap_servers})


@pytest.mark.parametrize("compression_type", ["producer", *CODECS])
def test_every_codec_is_read_back_from_every_topic(
    shared_broker: Broker, admin: AdminClient, compression_type: str
) -> None:
    topic = f"codecs-{uuid.uuid4().hex}"
    admin.create_topics([NewTopic(topic, 1, 1, config={"compression.type": compression_type})])[topic].result(SECONDS)
    sent: Values = []
    for produce, codecs in PRODUCERS.items():
        for codec in codecs:
            values = sample(f"{produce.__name__} {codec}")
            produce(shared_broker, topic, codec, values)
            sent += values
    assert confluent_reads(shared_broker, topic, len(sent)) == sent
    assert aiokafka_reads(shared_broker, topic, len(sent)) == sent
    if compression_type not in ("producer", "snappy"):
        assert kafka_python_reads(shared_broker, topic, len(sent)) == sent
    expected = {CODECS[compression_type]} if compression_type in CODECS else set(CODECS.values())
    assert codecs_in_the_log(shared_broker, topic) == expected


def test_a_topic_that_says_nothing_keeps_zstd_and_what_came_compressed(
    shared_broker: Broker, admin: AdminClient
) -> None:
    topic = f"default-{uuid.uuid4().hex}"
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(SECONDS)
    described = admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic)])
    [configs] = [future.result(SECONDS) for future in described.values()]
    assert configs["compression.type"].value == "zstd"
    for codec in ("none", "gzip"):
        confluent_produces(shared_broker, topic, codec, sample(codec))
    assert confluent_reads(shared_broker, topic, 2 * MESSAGES) == sample("none") + sample("gzip")
    assert codecs_in_the_log(shared_broker, topic) == {ZSTD, GZIP}


@pytest.mark.parametrize(("setting", "codec"), [("lz4", LZ4), ("producer", NONE), ("uncompressed", NONE)])
def test_the_broker_may_be_told_another_codec(setting: Literal["lz4", "producer", "uncompressed"], codec: int) -> None:
    with Broker(msgspec.structs.replace(EMBEDDED, compression_type=setting)) as broker:
        confluent_produces(broker, "logs", "none", sample("v"))
        assert confluent_reads(broker, "logs", MESSAGES) == sample("v")
        assert codecs_in_the_log(broker, "logs") == {codec}


def test_an_idempotent_producer_with_five_batches_in_flight_keeps_its_order(shared_broker: Broker) -> None:
    """A batch for each message; some are compressed on the event loop, some in threads."""
    topic = f"pipelined-{uuid.uuid4().hex}"
    rng = random.Random(topic)
    noise = rng.randbytes(30_000).hex().encode()
    sent = [b"%d " % number + noise[: rng.choice([10, 1000, 30_000, 60_000])] for number in range(2000)]
    offsets: list[int | None] = []
    producer = Producer(
        {
            "bootstrap.servers": shared_broker.bootstrap_servers,
            "enable.idempotence": True,
            "batch.num.messages": 1,
            "linger.ms": 0,
            "queue.buffering.max.kbytes": 200_000,
        }
    )
    for value in sent:
        producer.produce(topic, value, partition=0, on_delivery=lambda _, message: offsets.append(message.offset()))
    assert producer.flush(SECONDS) == 0
    assert offsets == list(range(len(sent)))
    assert confluent_reads(shared_broker, topic, len(sent)) == sent
