"""Settings of Kafka clients that no client could use."""

from __future__ import annotations

import pytest

from logpost.config import KafkaConfig
from logpost.errors import ConfigError
from logpost.handler import LogpostHandler
from logpost.kafka import client_settings, unreachable


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
