"""What acks=1 acknowledged counts, also before it is on the disk: the end of a partition waits for the sync."""

from __future__ import annotations

import asyncio
import os
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka import TopicPartition as AioTopicPartition
from confluent_kafka import Consumer, Producer, TopicPartition
from kio.schema.errors import ErrorCode

from logpost_broker import Broker
from logpost_broker.log.files import Files
from logpost_broker.log.records import build_batch
from tests.broker.api.conftest import create, produce
from tests.broker.wire_client import WireClient
from tests.support.system import RealSystem

LATEST, EARLIEST, MAX_TIMESTAMP = -1, -2, -3


class HeldDisk(RealSystem):
    """A sync waits while it is held."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.free.set()

    def fdatasync(self, fd: int, /) -> None:
        self.free.wait(60)
        os.fdatasync(fd)


@pytest.fixture
def disk() -> Iterator[HeldDisk]:
    made = HeldDisk()
    yield made
    made.free.set()


@pytest.fixture
def client(disk: HeldDisk) -> Iterator[WireClient]:
    with Broker(files=Files(system=disk)) as broker, WireClient(broker.port) as connected:
        create(connected, "t")
        yield connected


def found(client: WireClient, timestamp: int) -> int:
    partitions = [{"partition_index": 0, "timestamp": timestamp}]
    answer = client.call("list_offsets", 11, {"topics": [{"name": "t", "partitions": partitions}]})
    [partition] = answer.topics[0].partitions
    assert partition.error_code is ErrorCode.none
    return int(partition.offset)


def deleted(client: WireClient, offset: int) -> tuple[Any, int]:
    topics = [{"name": "t", "partitions": [{"partition_index": 0, "offset": offset}]}]
    [partition] = client.call("delete_records", 2, {"topics": topics}).topics[0].partitions
    return partition.error_code, partition.low_watermark


def after_the_sync(disk: HeldDisk, client: WireClient, ask: Callable[[], Any]) -> Any:
    """What is answered to a question that comes between an acknowledgement with acks=1 and its sync."""
    disk.free.clear()
    assert produce(client, "t", build_batch([(None, b"v")], 1), acks=1).error_code is ErrorCode.none
    with ThreadPoolExecutor(1) as other:
        answer = other.submit(ask)
        disk.free.set()
        return answer.result(60)


@pytest.mark.parametrize(("timestamp", "offset"), [(LATEST, 1), (MAX_TIMESTAMP, 0), (1, 0)])
def test_what_was_acknowledged_is_found(disk: HeldDisk, client: WireClient, timestamp: int, offset: int) -> None:
    assert after_the_sync(disk, client, lambda: found(client, timestamp)) == offset


def test_what_was_acknowledged_is_deleted(disk: HeldDisk, client: WireClient) -> None:
    assert after_the_sync(disk, client, lambda: deleted(client, -1)) == (ErrorCode.none, 1)


def test_the_start_waits_for_nothing(disk: HeldDisk, client: WireClient) -> None:
    disk.free.clear()
    assert produce(client, "t", build_batch([(None, b"v")], 1), acks=1).error_code is ErrorCode.none
    assert found(client, EARLIEST) == 0
    disk.free.set()


@pytest.mark.parametrize("acks", [1, -1])
def test_a_clients_end_offset_counts_each_acknowledgement(shared_broker: Broker, acks: int) -> None:
    topic = f"acknowledged-{acks}"
    producer = Producer({"bootstrap.servers": shared_broker.bootstrap_servers, "acks": acks, "linger.ms": 0})
    consumer = Consumer({"bootstrap.servers": shared_broker.bootstrap_servers, "group.id": topic})
    for number in range(50):
        producer.produce(topic, b"v", partition=0)
        assert producer.flush(60) == 0
        assert consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=60) == (0, number + 1)
    consumer.close()


async def ends_behind_what_is_acknowledged(servers: str, topic: str) -> list[tuple[int, int]]:
    """Of aiokafka, whose default is acks=1: offsets that an end does not count, with that end."""
    place = AioTopicPartition(topic, 0)
    short = []
    async with (
        AIOKafkaProducer(bootstrap_servers=servers) as producer,
        AIOKafkaConsumer(bootstrap_servers=servers) as consumer,
    ):
        consumer.assign([place])
        for _ in range(30):
            sent = await producer.send_and_wait(topic, b"x", partition=0)
            end = (await consumer.end_offsets([place]))[place]
            if end <= sent.offset:
                short.append((sent.offset, end))
    return short


def test_aiokafka_finds_what_it_was_acknowledged(shared_broker: Broker) -> None:
    topic = f"aiokafka-{uuid.uuid4().hex}"
    with WireClient(shared_broker.port) as connected:
        create(connected, topic)
    assert asyncio.run(ends_behind_what_is_acknowledged(shared_broker.bootstrap_servers, topic)) == []
