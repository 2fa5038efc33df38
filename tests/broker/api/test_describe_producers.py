"""DescribeProducers: who wrote idempotently or in transactions, and what of it is open."""

from __future__ import annotations

from typing import Any

from confluent_kafka import Producer
from kio.schema.errors import ErrorCode

from logpost_broker import Broker
from tests.broker.api.conftest import NewTopic, produce_values
from tests.broker.wire_client import WireClient


def describe(client: WireClient, name: str, *numbers: int) -> Any:
    [topic] = client.call("describe_producers", 0, {"topics": [{"name": name, "partition_indexes": numbers}]}).topics
    assert topic.name == name
    return topic.partitions


def test_an_idempotent_producer(client: WireClient, new_topic: NewTopic, shared_broker: Broker) -> None:
    topic = new_topic()
    produce_values(client, topic, b"from nobody in particular")
    assert describe(client, topic, 0)[0].active_producers == ()
    producer = Producer({"bootstrap.servers": shared_broker.bootstrap_servers, "enable.idempotence": True})
    for _ in range(3):
        producer.produce(topic, b"v")
        assert producer.flush(60) == 0
    [state] = describe(client, topic, 0)[0].active_producers
    assert (state.producer_epoch, state.last_sequence) == (0, 2)
    assert (state.coordinator_epoch, state.current_txn_start_offset) == (-1, -1)
    assert state.last_timestamp > 1_700_000_000_000


def test_an_open_transaction_is_told_by_where_it_began(
    client: WireClient, new_topic: NewTopic, shared_broker: Broker
) -> None:
    topic = new_topic()
    produce_values(client, topic, b"before")
    producer = Producer({"bootstrap.servers": shared_broker.bootstrap_servers, "transactional.id": topic})
    producer.init_transactions(20)
    producer.begin_transaction()
    producer.produce(topic, b"v")
    assert producer.flush(60) == 0
    [state] = describe(client, topic, 0)[0].active_producers
    assert (state.current_txn_start_offset, state.coordinator_epoch) == (1, -1)
    producer.commit_transaction(20)
    [state] = describe(client, topic, 0)[0].active_producers
    assert state.current_txn_start_offset == -1
    assert state.coordinator_epoch >= 0


def test_what_is_not_there_is_told(client: WireClient, new_topic: NewTopic) -> None:
    known, unknown = describe(client, new_topic(), 0, 9)
    assert (known.error_code, known.active_producers) == (ErrorCode.none, ())
    assert unknown.error_code is ErrorCode.unknown_topic_or_partition
    assert describe(client, "nobody-knows", 0)[0].error_code is ErrorCode.unknown_topic_or_partition
    assert describe(client, "a b", 0)[0].error_code is ErrorCode.invalid_topic_exception
