"""The broker inside a program."""

from __future__ import annotations

import time
import urllib.request
from pathlib import Path

import msgspec
import pytest
from kio.schema.errors import ErrorCode

from logpost.config import BrokerConfig
from logpost.errors import StartError
from logpost_broker.broker import EMBEDDED, Broker
from logpost_broker.log.records import build_batch
from tests.broker.api.conftest import produce, produce_values
from tests.broker.wire_client import WireClient
from tests.support.processes import free_port


def topics(broker: Broker) -> list[str]:
    with WireClient(broker.port) as client:
        return [topic.name for topic in client.call("metadata", 1, {"topics": None}).topics]


def test_brokers_of_one_program_do_not_mix() -> None:
    with Broker() as first, Broker() as second:
        with WireClient(first.port) as client:
            client.call("create_topics", 4, {"topics": [{"name": "t", "num_partitions": 1, "replication_factor": 1}]})
        assert (topics(first), topics(second)) == (["t"], [])


def test_a_broker_stopped_and_started_on_its_data_goes_on(tmp_path: Path) -> None:
    for offset in range(3):
        with Broker(EMBEDDED, tmp_path) as broker, WireClient(broker.port) as client:
            client.call("metadata", 4, {"topics": [{"name": "t"}], "allow_auto_topic_creation": True})
            assert produce_values(client, "t", b"v") == offset


def test_a_temporary_directory_is_removed() -> None:
    broker = Broker().start()
    directory = broker.directory
    assert directory.exists()
    broker.stop()
    broker.stop()
    assert not directory.exists()


def test_a_broker_that_cannot_start_says_why_in_the_callers_thread(tmp_path: Path) -> None:
    with Broker(EMBEDDED, tmp_path) as running:
        with pytest.raises(StartError, match="is in use by process"):
            Broker(EMBEDDED, tmp_path).start()
        with pytest.raises(StartError, match=r"Address already in use \(broker\.port\)"):
            Broker(BrokerConfig(port=running.port, metrics_port=0), tmp_path / "other").start()


def test_metrics_end_with_the_broker() -> None:
    port = free_port()
    for _ in range(2):
        with Broker(BrokerConfig(port=0, metrics_port=port)) as broker, WireClient(broker.port) as client:
            client.call("api_versions", 0, {})
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
                text = answer.read().decode()
            assert 'logpost_broker_requests_total{api="api_versions"} 1.0' in text
            assert "logpost_broker_connections 1.0" in text


def test_it_stops_at_once_although_clients_are_connected() -> None:
    broker = Broker().start()
    with WireClient(broker.port) as client:
        client.call("api_versions", 0, {})
        started = time.monotonic()
        broker.stop()
        assert time.monotonic() - started < 30


def test_settings_change_while_it_runs() -> None:
    with Broker() as broker, WireClient(broker.port) as client:
        client.call("metadata", 4, {"topics": [{"name": "before"}], "allow_auto_topic_creation": True})
        broker.reconfigure(
            msgspec.structs.replace(broker.config, auto_create_topics=False, message_max_bytes=100, max_connections=1)
        )
        client.call("metadata", 4, {"topics": [{"name": "after"}], "allow_auto_topic_creation": True})
        assert [topic.name for topic in client.call("metadata", 1, {"topics": None}).topics] == ["before"]
        with pytest.raises((ConnectionError, EOFError)):
            topics(broker)
        answer = produce(client, "before", build_batch([(None, b"x" * 1000)], 1))
        assert answer.error_code is ErrorCode.message_too_large
    with pytest.raises(StartError, match="settings stay as they were"):
        broker.reconfigure(broker.config)
