"""Settings of Kafka clients that no client could use."""

from __future__ import annotations

import pytest

from logpost.config import KafkaConfig
from logpost.errors import ConfigError
from logpost.handler import LogpostHandler
from logpost.kafka import client_settings


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
