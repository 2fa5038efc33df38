"""A disk that has only its reserve left: producers wait, all else goes on, and so do they when there is room."""

from __future__ import annotations

import logging
import os
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from kio.schema.errors import ErrorCode

from logpost.config import BrokerConfig
from logpost_broker import Broker
from logpost_broker.log import disk_reserve
from logpost_broker.log.files import Files
from logpost_broker.log.records import build_batch
from tests.broker.api.conftest import create, produce, produce_values
from tests.broker.wire_client import WireClient
from tests.support.metrics import metric
from tests.support.processes import free_port
from tests.support.system import RealSystem

MIB = 1024 * 1024
BLOCK_BYTES = 4096
TOTAL_MIB = 100_000
TMPFS_MIB = 32


class FileSystem(RealSystem):
    """Says how much is free."""

    def __init__(self) -> None:
        self.free_mib = TOTAL_MIB

    def statvfs(self, path: Path, /) -> os.statvfs_result:
        free, total = self.free_mib * MIB // BLOCK_BYTES, TOTAL_MIB * MIB // BLOCK_BYTES
        return os.statvfs_result((BLOCK_BYTES, BLOCK_BYTES, total, free, free, 0, 0, 0, 0, 255))


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> FileSystem:
    made = FileSystem()
    monkeypatch.setattr(disk_reserve, "LOOK_MS", 0)
    return made


def records_of(client: WireClient, topic: str, offset: int = 0) -> bytes:
    partitions = [{"partition": 0, "fetch_offset": offset, "partition_max_bytes": 1_000_000}]
    [answered] = client.call("fetch", 4, {"topics": [{"topic": topic, "partitions": partitions}]}).responses
    assert answered.partitions[0].error_code is ErrorCode.none
    return bytes(answered.partitions[0].records or b"")


def commit(client: WireClient, topic: str, offset: int) -> ErrorCode:
    committed = [{"name": topic, "partitions": [{"partition_index": 0, "committed_offset": offset}]}]
    answer = client.call(
        "offset_commit", 8, {"group_id": "g", "generation_id_or_member_epoch": -1, "topics": committed}
    )
    code: ErrorCode = answer.topics[0].partitions[0].error_code
    return code


def test_producers_are_refused_and_the_rest_goes_on(
    tmp_path: Path, disk: FileSystem, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    port = free_port()
    with (
        Broker(BrokerConfig(port=0, metrics_port=port), tmp_path, files=Files(system=disk)) as broker,
        WireClient(broker.port) as client,
    ):
        create(client, "t")
        produce_values(client, "t", b"before")
        disk.free_mib = 1023
        for acks in (1, -1):
            refused = produce(client, "t", build_batch([(None, b"v")], 1), acks=acks)
            assert refused.error_code is ErrorCode.kafka_storage_error
            assert "has 1023 MiB free, and 1024 MiB are reserved (broker.disk_reserve_bytes)" in refused.error_message
        assert records_of(client, "t")
        assert commit(client, "t", 1) is ErrorCode.none
        [created] = create(client, "another")
        assert created.error_code is ErrorCode.none
        assert metric(port, "logpost_broker_disk_free_bytes") == 1023 * MIB
        assert metric(port, "logpost_broker_disk_reserve_bytes") == 1024 * MIB
        assert metric(port, "logpost_broker_disk_refused_batches_total") == 2
        disk.free_mib = 1088
        assert produce_values(client, "t", b"after") == 1
    changes = [record.levelname for record in caplog.records if "producers" in record.message]
    assert changes == ["ERROR", "INFO"]


def test_a_kafka_client_delivers_when_there_is_room_again(tmp_path: Path, disk: FileSystem) -> None:
    with (
        Broker(BrokerConfig(port=0, metrics_port=0), tmp_path, files=Files(system=disk)) as broker,
        WireClient(broker.port) as client,
    ):
        create(client, "t")
        disk.free_mib = 0
        producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "retry.backoff.ms": 10, "linger.ms": 0})
        delivered: list[object] = []
        producer.produce("t", b"patient", on_delivery=lambda error, _: delivered.append(error))
        assert producer.flush(0.5) == 1
        assert delivered == [], "it waits"
        disk.free_mib = TOTAL_MIB
        assert producer.flush(60) == 0
        assert delivered == [None]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_MIB}m", "tmpfs", str(place)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"no mount here: {error}")
    if mounted.returncode:
        pytest.skip(f"cannot mount a file system: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def fill(client: WireClient, topic: str, value: Callable[[], bytes]) -> tuple[int, Any]:
    """Produce until it is refused; returns how many were taken, and the refusal."""
    taken = 0
    while True:
        answer = produce(client, topic, build_batch([(None, value())], 1))
        if answer.error_code is not ErrorCode.none:
            return taken, answer
        taken += 1
        assert taken < 2 * TMPFS_MIB, "more than the disk has"


def test_a_disk_that_is_really_full_serves_commits_and_gives_room_back(small_disk: Path) -> None:
    rng = random.Random(0)
    config = BrokerConfig(port=0, metrics_port=0, segment_bytes=2 * MIB)
    with Broker(config, small_disk) as broker, WireClient(broker.port) as client:
        create(client, "t")
        for _ in range(2):
            taken, refused = fill(client, "t", lambda: rng.randbytes(1_000_000))
            assert taken > TMPFS_MIB // 2
            assert refused.error_code is ErrorCode.kafka_storage_error
            free = os.statvfs(small_disk)
            assert free.f_bavail * free.f_frsize > MIB // 2, "the reserve is a twentieth, less one batch"
            assert commit(client, "t", taken) is ErrorCode.none
            topics = [{"name": "t", "partitions": [{"partition_index": 0, "offset": -1}]}]
            [deleted] = client.call("delete_records", 2, {"topics": topics}).topics
            assert deleted.partitions[0].error_code is ErrorCode.none
            producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "retry.backoff.ms": 10})
            producer.produce("t", b"patient")
            assert producer.flush(60) == 0


def test_a_broker_starts_on_a_disk_that_has_less_than_the_reserve(small_disk: Path) -> None:
    with Broker(BrokerConfig(port=0, metrics_port=0), small_disk) as broker, WireClient(broker.port) as client:
        create(client, "t")
        assert produce_values(client, "t", b"v") == 0
