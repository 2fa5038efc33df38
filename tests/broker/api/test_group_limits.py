"""What the configuration of a group changes for its members."""

from __future__ import annotations

import uuid

import pytest
from kio.schema.errors import ErrorCode

from logpost_broker.wire.units import duration
from tests.broker.api.conftest import NewTopic, produce_values
from tests.broker.api.test_share_groups import Member
from tests.broker.api.test_transactions import Transactional
from tests.broker.wire_client import WireClient

GROUP, SET = 32, 0
NONE = ErrorCode.none


def configure(client: WireClient, group: str, **settings: object) -> ErrorCode:
    """`_` stands for `.` in a name."""
    configs = [
        {"name": name.replace("_", "."), "config_operation": SET, "value": str(value)}
        for name, value in settings.items()
    ]
    resources = [{"resource_type": GROUP, "resource_name": group, "configs": configs}]
    [altered] = client.call("incremental_alter_configs", 1, {"resources": resources}).responses
    return ErrorCode(altered.error_code)


@pytest.fixture
def group() -> str:
    return f"group-{uuid.uuid4().hex}"


def test_a_share_group_of_committed_records_is_given_no_others(
    client: WireClient, new_topic: NewTopic, group: str
) -> None:
    topic = new_topic()
    assert configure(client, group, share_auto_offset_reset="earliest", share_isolation_level="read_committed") is NONE
    for commit in (True, False):
        producer = Transactional(client)
        assert (producer.init(), producer.add(topic), producer.produce(topic)) == (NONE, NONE, NONE)
        assert producer.end(commit=commit) is NONE
    produce_values(client, topic, b"outside of transactions")
    undecided = Transactional(client)
    assert (undecided.init(), undecided.add(topic), undecided.produce(topic)) == (NONE, NONE, NONE)
    member = Member(client, group, topic)
    member.join()
    assert member.acquire() == [(0, 1, 1), (3, 4, 1)]  # with markers, which the client knows as such
    assert member.fetch((0, 1, 1), (3, 4, 1)) is not None
    assert undecided.end(commit=False) is NONE
    assert member.acquire() == [(6, 6, 1)]
    member.fetch((6, 6, 1))
    for _ in range(3):
        assert (undecided.add(topic), undecided.produce(topic)) == (NONE, NONE)
    assert undecided.end(commit=False) is NONE
    assert member.acquire() == [(10, 10, 1)]


def test_a_share_group_has_limits_of_its_own(client: WireClient, new_topic: NewTopic, group: str) -> None:
    member = Member(client, group, new_topic())
    member.join()
    assert member.acquire() == []
    produce_values(client, member.topic, b"poison")
    limits = {"share_record_lock_duration_ms": 15_000, "share_heartbeat_interval_ms": 6_000}
    assert configure(client, group, **limits, share_delivery_count_limit=2) is NONE
    assert member.heartbeat().heartbeat_interval == duration(6_000)
    answer = member.fetch_whole()
    assert answer.acquisition_lock_timeout == duration(15_000)
    assert member.fetch((0, 0, 2)).acquired_records[0].delivery_count == 2
    assert member.fetch((0, 0, 2)).acquired_records == ()


def test_a_consumer_group_has_limits_of_its_own(client: WireClient, new_topic: NewTopic, group: str) -> None:
    assert configure(client, group, consumer_heartbeat_interval_ms=6_000) is NONE
    member = {"group_id": group, "member_id": str(uuid.uuid4()), "rebalance_timeout": duration(60_000)}
    joining = member | {"subscribed_topic_names": (new_topic(),), "topic_partitions": []}
    answer = client.call("consumer_group_heartbeat", 1, joining)
    assert answer.error_code is NONE
    assert answer.heartbeat_interval == duration(6_000)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("consumer_heartbeat_interval_ms", 5_000, 15_000),
        ("consumer_session_timeout_ms", 45_000, 60_000),
        ("share_delivery_count_limit", 2, 10),
        ("share_heartbeat_interval_ms", 5_000, 15_000),
        ("share_partition_max_record_locks", 100, 10_000),
        ("share_record_lock_duration_ms", 15_000, 60_000),
        ("share_session_timeout_ms", 45_000, 60_000),
    ],
)
def test_limits_have_the_ranges_that_kafka_allows(
    client: WireClient, group: str, name: str, low: int, high: int
) -> None:
    assert [configure(client, group, **{name: value}) for value in (low, high)] == [NONE, NONE]
    for value in (low - 1, high + 1, "soon"):
        assert configure(client, group, **{name: value}) is ErrorCode.invalid_config
