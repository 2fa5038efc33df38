"""What a failing disk costs a running broker, as clients and monitors see it."""

from __future__ import annotations

import errno
import os
from datetime import timedelta
from pathlib import Path

import pytest
from confluent_kafka import Consumer
from kio.schema.errors import ErrorCode

from logpost.config import BrokerConfig
from logpost_broker import Broker
from logpost_broker.groups.journal import CONSUMER_OFFSETS
from logpost_broker.log.files import Files
from logpost_broker.log.records import build_batch, records_in
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


@pytest.mark.parametrize("damaged", ["t", CONSUMER_OFFSETS])
def test_damage_at_the_end_of_a_log_stops_nobody(tmp_path: Path, damaged: str) -> None:
    """A consumer waits there for what comes next, and the broker starts without the last commit."""
    with Broker(BrokerConfig(port=0, metrics_port=0), tmp_path) as broker, WireClient(broker.port) as client:
        create(client, "t", configs={"compression.type": "producer"})
        for value in (b"first", b"last"):
            produce_values(client, "t", value)
        for offset in (1, 2):
            commit(client, offset)
    [path] = (tmp_path / f"{damaged}-0").glob("*.log")
    data = path.read_bytes()
    path.write_bytes(data[:-3] + bytes([data[-3] ^ 1]) + data[-2:])
    with Broker(BrokerConfig(port=0, metrics_port=0), tmp_path) as broker, WireClient(broker.port) as client:
        assert committed(client) == (2 if damaged == "t" else 1)
        client.send("fetch", 4, fetch(offset=1))
        with WireClient(broker.port) as producer:
            assert produce_values(producer, "t", b"next") == 2
        [records] = [one.records for topic in client.receive().responses for one in topic.partitions]
        assert next(records_in(records)).value == (b"next" if damaged == "t" else b"last")


def commit(client: WireClient, offset: int) -> None:
    partition = {"partition_index": 0, "committed_offset": offset, "committed_leader_epoch": -1}
    asked = {"group_id": "g", "generation_id_or_member_epoch": -1, "topics": [{"name": "t", "partitions": [partition]}]}
    [topic] = client.call("offset_commit", 8, asked).topics
    assert topic.partitions[0].error_code is ErrorCode.none


def committed(client: WireClient) -> int:
    asked = {"group_id": "g", "topics": [{"name": "t", "partition_indexes": (0,)}]}
    [topic] = client.call("offset_fetch", 7, asked).topics
    return int(topic.partitions[0].committed_offset)


def fetch(offset: int) -> dict[str, object]:
    """Waits for a record from there on."""
    partition = {"partition": 0, "fetch_offset": offset, "partition_max_bytes": 1 << 20}
    return {
        "replica_id": -1,
        "max_wait": timedelta(seconds=60),
        "min_bytes": 1,
        "max_bytes": 1 << 20,
        "topics": [{"topic": "t", "partitions": [partition]}],
    }


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
