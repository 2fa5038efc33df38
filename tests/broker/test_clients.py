"""Real clients produce, consume alone, create and delete topics."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import uuid
import warnings
from collections.abc import Iterator

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin import NewTopic as AioNewTopic
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from logpost_broker import Broker

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # kafka-python reads its schemas by a deprecated function
    import kafka
    import kafka.admin

pytestmark = pytest.mark.filterwarnings("ignore:read_text is deprecated:DeprecationWarning")

KCAT = shutil.which("kcat")
MESSAGES = 500
SECONDS = 90.0


@pytest.fixture
def topic() -> str:
    return f"clients-{uuid.uuid4().hex}"


@pytest.fixture
def admin(shared_broker: Broker) -> AdminClient:
    return AdminClient({"bootstrap.servers": shared_broker.bootstrap_servers})


def values(broker: Broker, topic: str, count: int, partitions: int = 1) -> list[bytes]:
    """`count` values, by confluent-kafka without a group."""
    consumer = Consumer({"bootstrap.servers": broker.bootstrap_servers, "group.id": "none"})
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
    found: list[Message] = []
    while len(found) < count:
        batch = consumer.consume(count - len(found), timeout=SECONDS)
        assert batch, f"{len(found)} of {count}"
        found += batch
    consumer.close()
    assert [message.error() for message in found if message.error()] == []
    return [message.value() or b"" for message in found]


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
@pytest.mark.parametrize("acks", ["0", "1", "all"])
def test_confluent_kafka_produces_and_consumes(shared_broker: Broker, topic: str, codec: str, acks: str) -> None:
    offsets: list[int] = []
    producer = Producer({"bootstrap.servers": shared_broker.bootstrap_servers, "compression.type": codec, "acks": acks})
    sent = [b"%d" % number + b"." * 100 for number in range(MESSAGES)]
    for value in sent:
        producer.produce(topic, value, on_delivery=lambda error, message: offsets.append(message.offset() or 0))
    assert producer.flush(SECONDS) == 0
    if acks != "0":
        assert offsets == list(range(MESSAGES))
    assert values(shared_broker, topic, MESSAGES) == sent


def test_confluent_kafka_manages_topics(admin: AdminClient, shared_broker: Broker, topic: str) -> None:
    admin.create_topics([NewTopic(topic, 3, 1, config={"retention.ms": "5000"})])[topic].result(SECONDS)
    assert len(admin.list_topics(timeout=SECONDS).topics[topic].partitions) == 3
    resource = ConfigResource(ResourceType.TOPIC, topic)
    described = admin.describe_configs([resource])[resource].result(SECONDS)
    assert described["retention.ms"].value == "5000"
    admin.delete_topics([topic])[topic].result(SECONDS)
    assert topic not in admin.list_topics(timeout=SECONDS).topics


def test_confluent_kafka_describes_topics_and_cluster(admin: AdminClient, topic: str) -> None:
    from confluent_kafka import TopicCollection

    admin.create_topics([NewTopic(topic, 2, 1)])[topic].result(SECONDS)
    described = admin.describe_topics(TopicCollection([topic]))[topic].result(SECONDS)
    assert [partition.id for partition in described.partitions] == [0, 1]
    assert [node.id for node in admin.describe_cluster().result(SECONDS).nodes] == [1]


def test_confluent_kafka_finds_offsets_by_time(shared_broker: Broker, topic: str) -> None:
    producer = Producer({"bootstrap.servers": shared_broker.bootstrap_servers})
    for number in range(10):
        producer.produce(topic, b"%d" % number, timestamp=1_700_000_000_000 + number * 1000)
        producer.flush(SECONDS)
    consumer = Consumer({"bootstrap.servers": shared_broker.bootstrap_servers, "group.id": "none"})
    [found] = consumer.offsets_for_times([TopicPartition(topic, 0, 1_700_000_004_500)], timeout=SECONDS)
    assert found.offset == 5
    assert consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=SECONDS) == (0, 10)
    consumer.close()


def test_a_consumer_beyond_the_end_starts_where_it_is_told(shared_broker: Broker, topic: str) -> None:
    producer = Producer({"bootstrap.servers": shared_broker.bootstrap_servers})
    producer.produce(topic, b"only")
    producer.flush(SECONDS)
    consumer = Consumer(
        {"bootstrap.servers": shared_broker.bootstrap_servers, "group.id": "none", "auto.offset.reset": "earliest"}
    )
    consumer.assign([TopicPartition(topic, 0, 1000)])
    message = consumer.poll(SECONDS)
    assert message is not None
    assert message.value() == b"only"
    consumer.close()


async def produce_and_consume_by_aiokafka(shared_broker: Broker, topic: str, idempotent: bool) -> None:
    """Create, produce, consume, delete."""
    servers = shared_broker.bootstrap_servers
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    await admin.create_topics([AioNewTopic(topic, 2, 1)])
    sent = [b"%d" % number for number in range(MESSAGES)]
    async with AIOKafkaProducer(bootstrap_servers=servers, enable_idempotence=idempotent) as producer:
        for number, value in enumerate(sent):
            await producer.send(topic, value, partition=number % 2)
    async with AIOKafkaConsumer(topic, bootstrap_servers=servers, auto_offset_reset="earliest") as consumer:
        found = [(await asyncio.wait_for(consumer.getone(), SECONDS)).value for _ in sent]
    assert sorted(found) == sorted(sent)
    await admin.delete_topics([topic])
    assert topic not in await admin.list_topics()
    await admin.close()


@pytest.mark.parametrize("idempotent", [False, True])
def test_aiokafka(shared_broker: Broker, topic: str, idempotent: bool) -> None:
    asyncio.run(produce_and_consume_by_aiokafka(shared_broker, topic, idempotent))


@pytest.fixture
def kafka_python_admin(shared_broker: Broker) -> Iterator[kafka.admin.KafkaAdminClient]:
    client = kafka.admin.KafkaAdminClient(bootstrap_servers=shared_broker.bootstrap_servers)
    yield client
    client.close()


@pytest.mark.parametrize("codec", [None, "gzip", "zstd"])
def test_kafka_python_produces_and_consumes(shared_broker: Broker, topic: str, codec: str | None) -> None:
    servers = shared_broker.bootstrap_servers
    producer = kafka.KafkaProducer(bootstrap_servers=servers, compression_type=codec)
    sent = [b"%d" % number for number in range(MESSAGES)]
    futures = [producer.send(topic, value) for value in sent]
    assert [future.get(SECONDS).offset for future in futures] == list(range(MESSAGES))
    producer.close()
    consumer = kafka.KafkaConsumer(
        topic, bootstrap_servers=servers, auto_offset_reset="earliest", group_id=None, consumer_timeout_ms=20_000
    )
    assert [record.value for _, record in zip(sent, consumer, strict=False)] == sent
    consumer.close()


def test_kafka_python_manages_topics(kafka_python_admin: kafka.admin.KafkaAdminClient, topic: str) -> None:
    kafka_python_admin.create_topics([kafka.admin.NewTopic(topic, 2, 1)])
    assert topic in kafka_python_admin.list_topics()
    kafka_python_admin.delete_topics([topic])
    assert topic not in kafka_python_admin.list_topics()


@pytest.mark.skipif(KCAT is None, reason="kcat is not installed")
@pytest.mark.parametrize("codec", ["none", "zstd"])
def test_kcat(shared_broker: Broker, topic: str, codec: str) -> None:
    def kcat(*arguments: str, given: str = "") -> str:
        return subprocess.run(
            [str(KCAT), "-b", shared_broker.bootstrap_servers, "-t", topic, *arguments],
            input=given,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout

    lines = "".join(f"line {number}\n" for number in range(MESSAGES))
    kcat("-P", "-z", codec, given=lines)
    assert kcat("-C", "-e", "-q", "-o", "beginning") == lines
    assert f'topic "{topic}" with 1 partitions' in kcat("-L")
