"""Settings of Kafka clients that no client could use, and the logs topic."""

from __future__ import annotations

import logging
import time

import pytest
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from logpost.config import KafkaConfig
from logpost.errors import ConfigError
from logpost.handler import LogpostHandler
from logpost.kafka import client_settings, ensure_logs_topic, has_topic, unreachable
from logpost_broker import Broker

HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("config", "named"),
    [
        (KafkaConfig(security_protocol="SASL_SSL", sasl_username="ada"), "kafka.sasl_password"),
        (KafkaConfig(security_protocol="SSL", ssl_ca_location="/missing/ca"), 'kafka.ssl_ca_location = "/missing/ca"'),
    ],
)
def test_what_no_client_could_use_is_named(config: KafkaConfig, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        client_settings(config, "test")


def test_a_handler_says_so_when_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGPOST_KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    with pytest.raises(ConfigError, match=r"kafka\.sasl_username"):
        LogpostHandler(service="shop")


@pytest.mark.parametrize(
    ("error", "address"),
    [
        (
            "logs.example.org:9092/1: Failed to resolve 'logs.example.org:9092': Name or service not known",
            "logs.example.org:9092",
        ),
        ("sasl_ssl://b-2:9094/17: Connect to ipv4#10.0.0.1:9094 failed: Connection refused", "b-2:9094"),
        ("localhost:9092/bootstrap: Connect to ipv4#127.0.0.1:9092 failed: Connection refused", ""),
        ("kafka-2:9092/2: Connect to ipv4#10.0.0.1:9092 failed: Connection refused", ""),
        ("1/1 brokers are down", ""),
    ],
)
def test_an_address_that_only_the_broker_names_is_told_when_it_cannot_be_reached(error: str, address: str) -> None:
    said = unreachable(error, "localhost:9092, kafka-2:9092")
    assert (f"advertises {address}, which cannot be reached" in said) if address else said == ""


def stamped(broker: Broker, config: KafkaConfig, **topic: str) -> tuple[int, int]:
    """(kind of timestamp, its milliseconds) of a record that a clock two hours ahead has stamped."""
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    if topic:
        [made] = admin.create_topics([NewTopic(config.topic, 1, 1, config=topic)]).values()
        made.result(60)
    ensure_logs_topic(config, admin)
    reports: list[tuple[KafkaError | None, Message]] = []
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
    ahead = int(time.time() * 1000) + 2 * HOUR_MS
    producer.produce(config.topic, b"x", timestamp=ahead, on_delivery=lambda *report: reports.append(report))
    producer.flush(60)
    [(error, message)] = reports
    if error is not None:
        raise KafkaException(error)
    return message.timestamp()


@pytest.mark.parametrize(
    "topic",
    [{}, {"max.message.bytes": "8388608", "retention.ms": "1209600000"}],
    ids=["made now", "made by an older version"],
)
def test_a_clock_that_is_ahead_of_the_brokers_is_no_reason_to_refuse_lines(
    broker: Broker, topic: dict[str, str]
) -> None:
    kind, milliseconds = stamped(broker, KafkaConfig(bootstrap_servers=broker.bootstrap_servers), **topic)
    assert kind == TIMESTAMP_LOG_APPEND_TIME
    assert milliseconds < time.time() * 1000 + HOUR_MS


def test_the_topics_of_others_are_not_listed(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster may have so many that the answer takes longer than anyone waits. Asking makes no topic either."""
    monkeypatch.setattr(AdminClient, "list_topics", None)
    config = KafkaConfig(bootstrap_servers=broker.bootstrap_servers)
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    for _ in range(2):
        assert not has_topic(admin, config.topic, 60)
    for _ in range(2):
        ensure_logs_topic(config, admin, 60)
        assert has_topic(admin, config.topic, 60)
    handler = LogpostHandler(bootstrap_servers=broker.bootstrap_servers, topic="others", flush_seconds=60)
    handler.handle(logging.makeLogRecord({"name": "shop", "msg": "arrives"}))
    handler.close()
    assert handler.pending == 0


def test_a_topics_own_setting_is_left_as_it_is(broker: Broker) -> None:
    with pytest.raises(KafkaException) as refused:
        stamped(
            broker,
            KafkaConfig(bootstrap_servers=broker.bootstrap_servers),
            **{"message.timestamp.type": "CreateTime"},
        )
    assert refused.value.args[0].code() == KafkaError.INVALID_TIMESTAMP
