"""Offsets and lag of a real broker, read by real clients' commits."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from prometheus_client import CollectorRegistry

from logpost.config import KafkaConfig
from logpost_broker import Broker
from logpost_web.cluster.client import SNAPSHOT_SECONDS
from logpost_web.cluster.snapshot import GroupState, PartitionState, Snapshot
from logpost_web.exporter import exporter
from logpost_web.exporter.exporter import KEPT_SECONDS, WAIT_SECONDS, KafkaCollector, group_metrics, partition_metrics
from tests.support.processes import free_port


@pytest.fixture
def registry(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> Iterator[CollectorRegistry]:
    monkeypatch.setattr(exporter, "WAIT_SECONDS", 60.0)
    found = CollectorRegistry()
    found.register(KafkaCollector(KafkaConfig(bootstrap_servers=broker.bootstrap_servers)))
    yield found


def produce(broker: Broker, topic: str, count: int) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
    for number in range(count):
        producer.produce(topic, str(number).encode(), partition=0)
    assert producer.flush(60) == 0


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


def test_a_partition_without_a_commit_beside_one_with(broker: Broker, registry: CollectorRegistry) -> None:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    admin.create_topics([NewTopic("orders", 2), NewTopic("letters", 1)])["orders"].result(60)
    produce(broker, "orders", 3)
    commit(broker, "billing", "orders", 1)
    value = registry.get_sample_value
    group, silent = {"consumergroup": "billing", "topic": "orders"}, {"partition": "1"}
    assert value("kafka_consumergroup_current_offset", group | silent) == -1
    assert value("kafka_consumergroup_lag", group | silent) == -1
    assert value("kafka_consumergroup_current_offset_sum", group) == 1 - 1
    assert value("kafka_consumergroup_lag_sum", group) == 2
    assert value("kafka_consumergroup_lag_sum", {"consumergroup": "billing", "topic": "letters"}) is None
    assert value("logpost_exporter_failed_requests") == 0


def test_members_of_a_group_are_counted(broker: Broker, registry: CollectorRegistry) -> None:
    produce(broker, "orders", 1)
    member = Consumer(
        {"bootstrap.servers": broker.bootstrap_servers, "group.id": "readers", "auto.offset.reset": "earliest"}
    )
    member.subscribe(["orders"])
    assert len(member.consume(1, 30)) == 1
    assert registry.get_sample_value("kafka_consumergroup_members", {"consumergroup": "readers"}) == 1
    member.close()


def test_scrapes_at_the_same_time_share_one_reading(broker: Broker, registry: CollectorRegistry) -> None:
    def end() -> float | None:
        return registry.get_sample_value("kafka_topic_partition_current_offset", {"topic": "orders", "partition": "0"})

    produce(broker, "orders", 1)
    assert end() == 1
    produce(broker, "orders", 1)
    assert end() == 1
    threading.Event().wait(KEPT_SECONDS)
    assert end() == 2


def test_what_is_not_known_is_left_out() -> None:
    unknown = PartitionState(oldest_offset=None, current_offset=None, leader=-1, replicas=(1, 2), in_sync_replicas=(2,))
    snapshot = Snapshot(
        brokers={},
        partitions={("a", 0): unknown},
        groups={"g": GroupState(members=None, committed={("a", 0): 5})},
        failures=3,
    )
    found = {
        sample.name: sample.value
        for family in (*partition_metrics(snapshot), *group_metrics(snapshot))
        for sample in family.samples
    }
    assert found == {
        "kafka_topic_partitions": 1,
        "kafka_topic_partition_leader_is_preferred": 0,
        "kafka_topic_partition_replicas": 2,
        "kafka_topic_partition_in_sync_replica": 1,
        "kafka_topic_partition_under_replicated_partition": 1,
        "kafka_consumergroup_current_offset": 5,
        "kafka_consumergroup_current_offset_sum": 5,
        "kafka_consumergroup_lag_sum": 0,
    }


def test_a_broker_that_is_away_keeps_no_scrape_waiting() -> None:
    """Whether nobody listens, or somebody never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        addresses = (f"127.0.0.1:{free_port()}", f"127.0.0.1:{silent.getsockname()[1]}")
        for address in addresses:
            cluster = CollectorRegistry()
            collector = KafkaCollector(KafkaConfig(bootstrap_servers=address))
            cluster.register(collector)
            begun = time.monotonic()
            assert cluster.get_sample_value("logpost_exporter_up") == 0
            assert time.monotonic() - begun < WAIT_SECONDS + SNAPSHOT_SECONDS / 2, "the first gives it a moment"
            collector._taken, collector._is_away = float("-inf"), True
            begun = time.monotonic()
            assert cluster.get_sample_value("logpost_exporter_up") == 0
            assert time.monotonic() - begun < WAIT_SECONDS / 2, "later ones know"


def test_figures_come_again_with_the_broker_and_say_how_old_they_are(broker: Broker) -> None:
    produce(broker, "orders", 1)
    cluster = CollectorRegistry()
    collector = KafkaCollector(KafkaConfig(bootstrap_servers=broker.bootstrap_servers))
    collector._is_away = True  # as after a broker that did not answer
    cluster.register(collector)
    value = cluster.get_sample_value
    assert value("logpost_exporter_age_seconds") is None
    while value("logpost_exporter_up") == 0:
        threading.Event().wait(0.01)
    assert (value("logpost_exporter_age_seconds") or 0) > 0
    assert value("kafka_topic_partition_current_offset", {"topic": "orders", "partition": "0"}) == 1
