"""Offsets and lag of a real broker, read by real clients' commits."""

from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from prometheus_client import CollectorRegistry

from logpost.config import KafkaConfig
from logpost_broker import Broker
from logpost_web.monitor.exporter import KafkaCollector
from tests.support.processes import free_port


@pytest.fixture
def registry(broker: Broker) -> Iterator[CollectorRegistry]:
    found = CollectorRegistry()
    found.register(KafkaCollector(KafkaConfig(bootstrap_servers=broker.bootstrap_servers)))
    yield found


def produce(broker: Broker, topic: str, count: int) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
    for number in range(count):
        producer.produce(topic, str(number).encode(), partition=0)
    assert producer.flush(30) == 0


def commit(broker: Broker, group: str, topic: str, offset: int) -> None:
    consumer = Consumer({"bootstrap.servers": broker.bootstrap_servers, "group.id": group})
    consumer.commit(offsets=[TopicPartition(topic, 0, offset)], asynchronous=False)
    consumer.close()


def test_offsets_commits_and_lag_under_kafka_exporters_names(broker: Broker, registry: CollectorRegistry) -> None:
    produce(broker, "orders", 10)
    commit(broker, "billing", "orders", 4)
    value = registry.get_sample_value
    partition = {"topic": "orders", "partition": "0"}
    assert value("logpost_exporter_up") == 1
    assert value("kafka_brokers") == 1
    assert value("kafka_topic_partitions", {"topic": "orders"}) == 1
    assert value("kafka_topic_partition_current_offset", partition) == 10
    assert value("kafka_topic_partition_oldest_offset", partition) == 0
    assert value("kafka_topic_partition_leader_is_preferred", partition) == 1
    assert value("kafka_topic_partition_under_replicated_partition", partition) == 0
    group = {"consumergroup": "billing", **partition}
    assert value("kafka_consumergroup_current_offset", group) == 4
    assert value("kafka_consumergroup_lag", group) == 6
    assert value("kafka_consumergroup_lag_sum", {"consumergroup": "billing", "topic": "orders"}) == 6
    assert value("kafka_consumergroup_members", {"consumergroup": "billing"}) == 0


def test_without_a_broker_the_scrape_says_so() -> None:
    registry = CollectorRegistry()
    registry.register(KafkaCollector(KafkaConfig(bootstrap_servers=f"127.0.0.1:{free_port()}")))
    assert registry.get_sample_value("logpost_exporter_up") == 0
