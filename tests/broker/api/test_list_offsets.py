"""ListOffsets: by name of place, by time, and what nobody knows."""

from __future__ import annotations

from typing import Any

import pytest
from kio.schema.errors import ErrorCode

from logpost_broker.log.records import build_batch
from tests.broker.api.conftest import NewTopic, produce, produce_values
from tests.broker.log.logs import changed
from tests.broker.wire_client import WireClient


def find(client: WireClient, topic: str, timestamp: int, partition: int = 0, version: int = 11, **fields: Any) -> Any:
    partitions = [{"partition_index": partition, "timestamp": timestamp, "current_leader_epoch": -1} | fields]
    asked = [{"name": topic, "partitions": partitions}]
    return client.call("list_offsets", version, {"replica_id": -1, "topics": asked}).topics[0].partitions[0]


@pytest.mark.parametrize(
    ("timestamp", "found"),
    [
        (-1, (-1, 4)),
        (-2, (-1, 0)),
        (-3, (90, 1)),
        (-4, (-1, 0)),
        (-5, (-1, -1)),
        (-6, (-1, -1)),
        (0, (10, 0)),
        (11, (90, 1)),
        (90, (90, 1)),
        (91, (-1, -1)),
    ],
)
def test_offsets_are_found_by_place_and_by_time(
    client: WireClient, new_topic: NewTopic, timestamp: int, found: tuple[int, int]
) -> None:
    topic = new_topic()
    for time in (10, 90, 20, 30):
        produce_values(client, topic, b"v", timestamp_ms=time)
    answer = find(client, topic, timestamp)
    assert answer.error_code is ErrorCode.none
    assert (answer.timestamp, answer.offset) == found


def test_an_empty_log_has_both_ends_at_zero(client: WireClient, new_topic: NewTopic) -> None:
    topic = new_topic()
    assert [find(client, topic, timestamp).offset for timestamp in (-1, -2, -3, 5)] == [0, 0, -1, -1]


def test_what_nobody_knows_is_an_error(client: WireClient, new_topic: NewTopic) -> None:
    topic = new_topic()
    assert find(client, "nobody-knows", -1).error_code is ErrorCode.unknown_topic_or_partition
    assert find(client, topic, -1, partition=3).error_code is ErrorCode.unknown_topic_or_partition


@pytest.mark.parametrize(
    ("timestamp", "since"), [(-1, 1), (-2, 1), (-3, 7), (-4, 8), (-5, 9), (-6, 11), (-7, 12), (-(1 << 63), 12)]
)
def test_a_version_knows_its_times_only(client: WireClient, new_topic: NewTopic, timestamp: int, since: int) -> None:
    topic = new_topic()
    for version in range(1, 12):
        known = find(client, topic, timestamp, version=version).error_code is ErrorCode.none
        assert known == (version >= since), version
    assert find(client, topic, timestamp).error_code in (ErrorCode.none, ErrorCode.unsupported_version)


def test_a_partition_is_asked_for_once(client: WireClient, new_topic: NewTopic) -> None:
    partitions = [{"partition_index": 0, "timestamp": timestamp} for timestamp in (-1, -2)]
    asked = [{"name": new_topic(), "partitions": partitions}]
    [answer] = client.call("list_offsets", 11, {"replica_id": -1, "topics": asked}).topics[0].partitions
    assert answer.error_code is ErrorCode.invalid_request


def test_a_client_of_another_leader_epoch_is_told_so(client: WireClient, new_topic: NewTopic) -> None:
    topic = new_topic()
    assert find(client, topic, -1, current_leader_epoch=0).error_code is ErrorCode.none
    assert find(client, topic, -1, current_leader_epoch=1).error_code is ErrorCode.unknown_leader_epoch


def test_records_are_found_by_time_where_their_client_left_the_newest_out(
    client: WireClient, new_topic: NewTopic
) -> None:
    topic = new_topic()
    batch = changed(build_batch([(None, b"v")], 1_000), max_timestamp=-1)
    assert produce(client, topic, batch).error_code is ErrorCode.none
    assert [find(client, topic, timestamp).offset for timestamp in (1_000, 1_001, -3)] == [0, -1, 0]
