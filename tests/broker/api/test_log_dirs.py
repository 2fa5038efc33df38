"""DescribeLogDirs and AlterReplicaLogDirs: one directory, which nothing leaves."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kio.schema.errors import ErrorCode

from logpost_broker import Broker
from logpost_broker.broker import EMBEDDED
from tests.broker.api.conftest import create, produce_values
from tests.broker.wire_client import WireClient, versions


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def client(data: Path) -> Iterator[WireClient]:
    with Broker(EMBEDDED, data) as broker, WireClient(broker.port) as connected:
        create(connected, "t", num_partitions=2)
        yield connected


def describe(client: WireClient, topics: list[dict[str, Any]] | None, version: int = 5) -> Any:
    [result] = client.call("describe_log_dirs", version, {"topics": topics}).results
    assert result.error_code is ErrorCode.none
    return result


def sizes(result: Any) -> dict[tuple[str, int], int]:
    return {
        (topic.name, partition.partition_index): partition.partition_size
        for topic in result.topics
        for partition in topic.partitions
    }


@pytest.mark.parametrize("version", versions("describe_log_dirs"))
def test_partitions_are_described_with_their_sizes(client: WireClient, data: Path, version: int) -> None:
    produce_values(client, "t", b"v")
    size = (data / "t-0" / "00000000000000000000.log").stat().st_size
    result = describe(client, None, version)
    assert result.log_dir == str(data)
    assert sizes(result) == {("t", 0): size, ("t", 1): 0}
    if version >= 4:
        disk = shutil.disk_usage(data)
        assert result.total_bytes == disk.total
        assert 0 < result.usable_bytes <= disk.total


def test_what_is_not_there_is_left_out(client: WireClient) -> None:
    asked: list[dict[str, Any]] = [{"topic": "t", "partitions": (1, 7)}, {"topic": "none", "partitions": (0,)}]
    assert sizes(describe(client, asked)) == {("t", 1): 0}
    assert describe(client, []).topics == ()
    assert describe(client, [{"topic": "t", "partitions": ()}]).topics == ()


def test_logs_that_nobody_has_opened_have_their_size_too(data: Path) -> None:
    with Broker(EMBEDDED, data) as broker, WireClient(broker.port) as client:
        create(client, "t")
        produce_values(client, "t", b"v" * 1000)
        before = sizes(describe(client, None))
    with Broker(EMBEDDED, data) as broker, WireClient(broker.port) as client:
        assert sizes(describe(client, None)) == before != {("t", 0): 0}


@pytest.mark.parametrize("version", versions("alter_replica_log_dirs"))
def test_a_partition_stays_in_the_only_directory(client: WireClient, data: Path, version: int) -> None:
    topics = [{"name": "t", "partitions": (0, 9)}, {"name": "none", "partitions": (0,)}]
    for path, there, missing in (
        (str(data), ErrorCode.none, ErrorCode.unknown_topic_or_partition),
        ("/elsewhere", ErrorCode.log_dir_not_found, ErrorCode.log_dir_not_found),
    ):
        answer = client.call("alter_replica_log_dirs", version, {"dirs": [{"path": path, "topics": topics}]})
        assert [
            (topic.topic_name, [(one.partition_index, one.error_code) for one in topic.partitions])
            for topic in answer.results
        ] == [("t", [(0, there), (9, missing)]), ("none", [(0, missing)])]
