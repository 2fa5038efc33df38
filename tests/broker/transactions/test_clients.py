"""Real transactional producers: what consumers of committed records see, who is fenced, what survives kill -9."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from logpost_broker import Broker
from tests.support.processes import Part

SECONDS = 90.0


def producer_of(servers: str, transactional_id: str, **settings: object) -> Producer:
    """Settings are written with underscores for dots. It may begin."""
    given = {name.replace("_", "."): value for name, value in settings.items()}
    producer = Producer({"bootstrap.servers": servers, "transactional.id": transactional_id, **given})
    producer.init_transactions(SECONDS)
    return producer


def consumer_of(servers: str, group: str, **settings: object) -> Consumer:
    """Of committed records, unless it says otherwise."""
    given = {name.replace("_", "."): value for name, value in settings.items()}
    defaults: dict[str, Any] = {
        "bootstrap.servers": servers,
        "group.id": group,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
    }
    return Consumer({**defaults, **given})


def read(servers: str, topic: str, until: bytes, **settings: object) -> list[bytes]:
    """The values of partition 0 up to `until`."""
    consumer = consumer_of(servers, f"group-{uuid.uuid4()}", **settings)
    consumer.assign([TopicPartition(topic, 0, 0)])
    found: list[bytes] = []
    deadline = time.monotonic() + SECONDS
    while until not in found:
        assert time.monotonic() < deadline, f"{until!r} never came, only {found}"
        message = consumer.poll(0.1)
        if message is not None and message.error() is None:
            found.append(message.value() or b"")
    consumer.close()
    return found


def transact(producer: Producer, topic: str, *values: bytes, commit: bool = True) -> None:
    producer.begin_transaction()
    for value in values:
        producer.produce(topic, value, partition=0)
    assert producer.flush(SECONDS) == 0
    if commit:
        producer.commit_transaction(SECONDS)
    else:
        producer.abort_transaction(SECONDS)


@pytest.fixture
def servers(shared_broker: Broker) -> str:
    return shared_broker.bootstrap_servers


@pytest.fixture
def topic() -> str:
    return f"topic-{uuid.uuid4().hex}"


@pytest.fixture
def name() -> str:
    return f"id-{uuid.uuid4()}"


def test_committed_records_are_read_and_aborted_ones_are_not(servers: str, topic: str, name: str) -> None:
    producer = producer_of(servers, name)
    transact(producer, topic, b"1", b"2")
    transact(producer, topic, b"lost", commit=False)
    transact(producer, topic, b"3", b"end")
    assert read(servers, topic, b"end") == [b"1", b"2", b"3", b"end"]
    assert read(servers, topic, b"end", isolation_level="read_uncommitted") == [b"1", b"2", b"lost", b"3", b"end"]


def test_a_producer_that_died_hides_others_records_for_its_timeout_and_no_longer(
    servers: str, topic: str, name: str
) -> None:
    dead = producer_of(servers, name, transaction_timeout_ms=2_000)
    began = time.monotonic()
    dead.begin_transaction()
    dead.produce(topic, b"lost", partition=0)
    assert dead.flush(SECONDS) == 0
    other = Producer({"bootstrap.servers": servers})
    other.produce(topic, b"end", partition=0)
    assert other.flush(SECONDS) == 0
    assert read(servers, topic, b"end") == [b"end"]
    assert 2.0 < time.monotonic() - began < 40.0, "its timeout of 2 s, not the usual one of 60 s"
    with pytest.raises(KafkaException) as raised:
        dead.commit_transaction(SECONDS)
    assert raised.value.args[0].fatal()


def test_a_zombie_is_fenced(servers: str, topic: str, name: str) -> None:
    zombie = producer_of(servers, name)
    zombie.begin_transaction()
    zombie.produce(topic, b"lost", partition=0)
    assert zombie.flush(SECONDS) == 0
    successor = producer_of(servers, name)
    transact(successor, topic, b"end")
    with pytest.raises(KafkaException) as raised:
        zombie.commit_transaction(SECONDS)
    error = raised.value.args[0]
    assert (error.code(), error.fatal()) == (KafkaError._FENCED, True)
    assert read(servers, topic, b"end") == [b"end"]


@pytest.mark.parametrize("commit", [True, False])
def test_offsets_are_committed_with_the_transaction(servers: str, topic: str, name: str, commit: bool) -> None:
    producer = producer_of(servers, name)
    transact(producer, topic, b"1", b"2")
    consumer = consumer_of(servers, name)
    consumer.subscribe([topic])
    while (message := consumer.poll(1)) is None or message.error():
        pass
    producer.begin_transaction()
    producer.produce(topic, b"end", partition=0)
    metadata = consumer.consumer_group_metadata()
    producer.send_offsets_to_transaction([TopicPartition(topic, 0, 1)], metadata, SECONDS)
    if commit:
        producer.commit_transaction(SECONDS)
    else:
        producer.abort_transaction(SECONDS)
    [found] = consumer.committed([TopicPartition(topic, 0)], SECONDS)
    assert found.offset == (1 if commit else -1001)
    consumer.close()


Step = Callable[[Producer, str], None]


def begun(producer: Producer, topic: str) -> None:
    producer.begin_transaction()


def produced(producer: Producer, topic: str) -> None:
    begun(producer, topic)
    producer.produce(topic, b"1", partition=0)
    assert producer.flush(SECONDS) == 0


def committed(producer: Producer, topic: str) -> None:
    produced(producer, topic)
    producer.commit_transaction(SECONDS)
    produced(producer, topic)


@pytest.mark.parametrize(("step", "expected"), [(begun, []), (produced, [b"1"]), (committed, [b"1", b"1"])])
def test_a_transaction_goes_on_after_the_broker_was_killed(
    killable: Part, topic: str, name: str, step: Step, expected: list[bytes]
) -> None:
    producer = producer_of(killable.servers, name, reconnect_backoff_max_ms=200)
    step(producer, topic)
    killable.kill()
    killable.start()
    producer.produce(topic, b"end", partition=0)
    producer.commit_transaction(SECONDS)
    assert read(killable.servers, topic, b"end") == [*expected, b"end"]


def test_an_open_transaction_of_a_dead_producer_is_aborted_after_the_broker_was_killed(
    killable: Part, topic: str, name: str
) -> None:
    dead = producer_of(killable.servers, name, transaction_timeout_ms=1_000)
    produced(dead, topic)
    killable.kill()
    killable.start()
    other = Producer({"bootstrap.servers": killable.servers})
    other.produce(topic, b"end", partition=0)
    assert other.flush(SECONDS) == 0
    assert read(killable.servers, topic, b"end") == [b"end"]
