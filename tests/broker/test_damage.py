"""What a failing disk costs a running broker, as clients and monitors see it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from confluent_kafka import Consumer
from kio.schema.errors import ErrorCode

from logpost.config import BrokerConfig
from logpost_broker import Broker
from logpost_broker.log.files import Files
from logpost_broker.log.records import build_batch
from tests.broker.api.conftest import create, produce, produce_values
from tests.broker.wire_client import WireClient
from tests.support.metrics import metric
from tests.support.processes import free_port
from tests.support.system import RealSystem


def consumed(servers: str, count: int) -> list[tuple[int, bytes | None]]:
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "g", "auto.offset.reset": "earliest"})
    consumer.subscribe(["t"])
    messages = consumer.consume(count, timeout=60)
    consumer.close()
    return [(message.offset() or 0, message.value()) for message in messages]


def test_a_damaged_batch_is_passed_over_reported_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    config = BrokerConfig(port=0, metrics_port=port)
    with Broker(config, tmp_path) as broker, WireClient(broker.port) as client:
        create(client, "t", configs={"compression.type": "producer"})
        for value in (b"first", b"second", b"third"):
            produce_values(client, "t", value)
    path = tmp_path / "t-0" / "00000000000000000000.log"
    path.write_bytes(path.read_bytes().replace(b"second", b"sec0nd"))
    with Broker(config, tmp_path) as broker:
        assert metric(port, "logpost_broker_damaged_bytes") == 0
        assert consumed(broker.bootstrap_servers, 2) == [(0, b"first"), (2, b"third")]
        size = len(build_batch([(None, b"second")], 1))
        assert metric(port, "logpost_broker_damaged_bytes") == size
    position = len(build_batch([(None, b"first")], 1))
    [reported] = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert f"{path} is damaged at position {position}: {size} bytes are passed over" in reported


def test_a_partition_that_cannot_be_synced_is_counted(tmp_path: Path) -> None:
    port, disk = free_port(), FailingDisk()
    files = Files(system=disk)
    with (
        Broker(BrokerConfig(port=0, metrics_port=port), tmp_path, files=files) as broker,
        WireClient(broker.port) as client,
    ):
        create(client, "t")
        create(client, "other")
        assert metric(port, "logpost_broker_offline_partitions") == 0
        disk.fails = True
        refused = produce(client, "t", build_batch([(None, b"v")], 1), acks=-1)
        disk.fails = False
        assert refused.error_code is ErrorCode.kafka_storage_error
        assert metric(port, "logpost_broker_offline_partitions") == 1
        assert produce_values(client, "other", b"v") == 0


class FailingDisk(RealSystem):
    """Syncs nothing while it `fails`."""

    def __init__(self) -> None:
        self.fails = False

    def fdatasync(self, fd: int, /) -> None:
        if self.fails:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().fdatasync(fd)
