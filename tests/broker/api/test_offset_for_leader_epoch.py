"""Leader epochs through crashes of a broker: what a consumer that has read what is gone is told."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kio.schema.errors import ErrorCode

from logpost.config import BrokerConfig
from logpost_broker import Broker
from logpost_broker.metadata.checkpoints import CLEAN_SHUTDOWN
from tests.broker.api.conftest import NewTopic, create, produce_values
from tests.broker.wire_client import WireClient

CHECKPOINT = "leader-epoch-checkpoint"


def end_of(client: WireClient, topic: str, epoch: int, version: int = 4, current: int = -1, partition: int = 0) -> Any:
    asked = {"partition": partition, "current_leader_epoch": current, "leader_epoch": epoch}
    request = {"replica_id": -1, "topics": [{"topic": topic, "partitions": [asked]}]}
    found = client.call("offset_for_leader_epoch", version, request).topics[0].partitions[0]
    return found.error_code, found.leader_epoch, found.end_offset


def fetch(client: WireClient, topic: str, *, offset: int, epoch: int) -> Any:
    partition = {"partition": 0, "fetch_offset": offset, "last_fetched_epoch": epoch, "partition_max_bytes": 1 << 20}
    request = {
        "max_wait": datetime.timedelta(seconds=20),
        "min_bytes": 1,
        "max_bytes": 1 << 20,
        "session_epoch": -1,
        "topics": [{"topic": topic, "partitions": [partition]}],
    }
    return client.call("fetch", 12, request).responses[0].partitions[0]


@pytest.fixture
def life(tmp_path: Path) -> Callable[[], Broker]:
    """Starts a broker on the test's data as after a crash."""

    def start() -> Broker:
        (tmp_path / CLEAN_SHUTDOWN).unlink(missing_ok=True)
        return Broker(BrokerConfig(port=0, metrics_port=0), tmp_path)

    return start


def three_epochs(life: Callable[[], Broker]) -> None:
    """Offsets 0 and 1 of epoch 0, offset 2 of epoch 1, none of epoch 2, offsets 3 to 5 of epoch 3."""
    for values in ([b"a", b"b"], [b"c"], [], [b"d", b"e", b"f"]):
        with life() as broker, WireClient(broker.port) as client:
            create(client, "t")
            for value in values:
                produce_values(client, "t", value)


@pytest.mark.parametrize("version", [2, 3, 4])
def test_an_epoch_rises_with_each_crash_and_ends_where_the_next_begins(
    life: Callable[[], Broker], version: int
) -> None:
    three_epochs(life)
    with life() as broker, WireClient(broker.port) as client:
        ends = [end_of(client, "t", epoch, version)[1:] for epoch in range(-1, 6)]
    assert ends == [(-1, -1), (0, 2), (1, 3), (1, 3), (3, 6), (4, 6), (-1, -1)]


def test_a_clean_stop_keeps_the_epoch(tmp_path: Path) -> None:
    for _ in range(3):
        with Broker(BrokerConfig(port=0, metrics_port=0), tmp_path) as broker, WireClient(broker.port) as client:
            create(client, "t")
            produce_values(client, "t", b"v")
    assert (tmp_path / "t-0" / CHECKPOINT).read_bytes() == b"0\n1\n0 0\n"


@pytest.mark.parametrize("content", [None, b"", b"0\n2\n0 0\n"])
def test_a_checkpoint_that_is_lost_is_read_from_the_batches(
    life: Callable[[], Broker], tmp_path: Path, content: bytes | None
) -> None:
    three_epochs(life)
    path = tmp_path / "t-0" / CHECKPOINT
    assert path.read_bytes() == b"0\n3\n0 0\n1 2\n3 3\n"
    path.unlink() if content is None else path.write_bytes(content)
    with life() as broker, WireClient(broker.port) as client:
        assert [end_of(client, "t", epoch)[1:] for epoch in (0, 1, 3)] == [(0, 2), (1, 3), (3, 6)]


def test_list_offsets_tells_the_epoch_of_what_it_finds(life: Callable[[], Broker]) -> None:
    three_epochs(life)
    with life() as broker, WireClient(broker.port) as client:

        def epoch_of(timestamp: int) -> int:
            asked = [{"name": "t", "partitions": [{"partition_index": 0, "timestamp": timestamp}]}]
            found = client.call("list_offsets", 11, {"replica_id": -1, "topics": asked}).topics[0].partitions[0]
            return int(found.leader_epoch)

        assert [epoch_of(timestamp) for timestamp in (-2, 0, -1, -5)] == [0, 0, 4, -1]
        partition = {"partition_index": 0, "offset": 4}
        client.call("delete_records", 2, {"topics": [{"name": "t", "partitions": [partition]}]})
        assert epoch_of(-2) == 3
        assert end_of(client, "t", 1)[1:] == (1, 4)


def test_a_fetch_of_records_that_are_gone_diverges(life: Callable[[], Broker]) -> None:
    three_epochs(life)
    with life() as broker, WireClient(broker.port) as client:
        answer = fetch(client, "t", offset=5, epoch=1)
        assert (answer.error_code, answer.records) == (ErrorCode.none, b"")
        assert (answer.diverging_epoch.epoch, answer.diverging_epoch.end_offset) == (1, 3)
        assert fetch(client, "t", offset=3, epoch=1).records
        assert fetch(client, "t", offset=3, epoch=9).error_code is ErrorCode.offset_out_of_range


def test_what_nobody_knows_is_an_error(client: WireClient, new_topic: NewTopic) -> None:
    topic = new_topic()
    unknown = (ErrorCode.unknown_topic_or_partition, -1, -1)
    assert end_of(client, "nobody-knows", 0) == unknown
    assert end_of(client, topic, 0, partition=3) == unknown
    assert end_of(client, topic, 0, current=0) == (ErrorCode.none, 0, 0)
    assert end_of(client, topic, 0, current=1) == (ErrorCode.unknown_leader_epoch, -1, -1)
