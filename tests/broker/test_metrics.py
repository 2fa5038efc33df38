"""What the broker tells a monitor of its transactions and sessions, as it is at each scrape."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from logpost.config import BrokerConfig
from logpost_broker import Broker
from tests.broker.api.conftest import create
from tests.broker.wire_client import SECONDS, WireClient
from tests.support.metrics import metric
from tests.support.processes import free_port


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(BrokerConfig(port=0, metrics_port=free_port()), tmp_path) as running:
        yield running


def test_open_transactions_are_counted(broker: Broker) -> None:
    port = broker.config.metrics_port
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "transactional.id": "writer"})
    producer.init_transactions(SECONDS)
    assert metric(port, "logpost_broker_open_transactions") == 0
    producer.begin_transaction()
    producer.produce("t", b"v")
    assert producer.flush(SECONDS) == 0
    assert metric(port, "logpost_broker_open_transactions") == 1
    producer.commit_transaction(SECONDS)
    assert metric(port, "logpost_broker_open_transactions") == 0


def test_fetch_sessions_are_counted(broker: Broker) -> None:
    with WireClient(broker.port) as client:
        create(client, "t")
        partition = {"partition": 0, "fetch_offset": 0, "partition_max_bytes": 1}
        wanted = {"session_epoch": 0, "topics": [{"topic": "t", "partitions": [partition]}]}
        opened = client.call("fetch", 11, wanted)
        assert metric(broker.config.metrics_port, "logpost_broker_fetch_sessions") == 1
        client.call("fetch", 11, {"session_id": opened.session_id, "session_epoch": -1})
        assert metric(broker.config.metrics_port, "logpost_broker_fetch_sessions") == 0


def test_producers_are_counted(broker: Broker) -> None:
    port = broker.config.metrics_port
    for _ in range(2):
        producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "enable.idempotence": True})
        producer.produce("t", b"v")
        assert producer.flush(SECONDS) == 0
    assert metric(port, "logpost_broker_producers") == 2
    assert metric(port, "logpost_broker_forgotten_producers_total") == 0
