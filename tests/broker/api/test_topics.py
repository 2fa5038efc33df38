"""CreateTopics, DeleteTopics, Metadata: what is refused and what is created on first use."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from kio.schema.errors import ErrorCode

from logpost.config import BrokerConfig
from logpost_broker import Broker
from tests.broker.api.conftest import NewTopic, create, produce_values
from tests.broker.wire_client import WireClient


def is_there(client: WireClient, topic: str) -> bool:
    return topic in [described.name for described in client.call("metadata", 9, {"topics": None}).topics]


@pytest.mark.parametrize("name", ["", ".", "..", "white space", "slash/", "ümlaut", "x" * 250])
def test_an_illegal_name_is_refused(client: WireClient, name: str) -> None:
    [created] = create(client, name)
    assert created.error_code is ErrorCode.invalid_topic_exception
    [described] = client.call("metadata", 4, {"topics": [{"name": name}], "allow_auto_topic_creation": True}).topics
    assert (described.name, described.error_code) == (name, ErrorCode.invalid_topic_exception)


def test_names_that_metrics_would_mix_up_are_refused(client: WireClient) -> None:
    [created] = create(client, "web.front_end")
    assert created.error_code is ErrorCode.none
    for name in ("web_front.end", "web.front.end", "web_front_end"):
        [created] = create(client, name)
        assert created.error_code is ErrorCode.invalid_topic_exception
    asked = {"topics": [{"name": "web_front.end"}], "allow_auto_topic_creation": True}
    [described] = client.call("metadata", 4, asked).topics
    assert described.error_code is ErrorCode.invalid_topic_exception


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"num_partitions": 0}, ErrorCode.invalid_partitions),
        ({"num_partitions": -2}, ErrorCode.invalid_partitions),
        ({"num_partitions": 10_001}, ErrorCode.policy_violation),
        ({"num_partitions": 1_000_000}, ErrorCode.policy_violation),
        ({"replication_factor": 0}, ErrorCode.invalid_replication_factor),
        ({"replication_factor": 3}, ErrorCode.invalid_replication_factor),
        ({"configs": {"no.such.config": "1"}}, ErrorCode.invalid_config),
        ({"configs": {"retention.ms": "soon"}}, ErrorCode.invalid_config),
        ({"configs": {"retention.ms": "1_000"}}, ErrorCode.invalid_config),
        ({"configs": {"segment.ms": "\u0663000"}}, ErrorCode.invalid_config),
        ({"configs": {"min.cleanable.dirty.ratio": "0_1.0"}}, ErrorCode.invalid_config),
        ({"configs": {"cleanup.policy": "burn"}}, ErrorCode.invalid_config),
        ({"configs": {"min.cleanable.dirty.ratio": "2"}}, ErrorCode.invalid_config),
        ({"configs": {"preallocate": None}}, ErrorCode.invalid_config),
        ({"configs": {"min.compaction.lag.ms": "10", "max.compaction.lag.ms": "9"}}, ErrorCode.invalid_config),
        ({"assignments": [{"partition_index": 0, "broker_ids": (1,)}]}, ErrorCode.invalid_request),
    ],
)
def test_a_topic_that_cannot_be_is_refused_and_not_made(
    client: WireClient, fields: dict[str, Any], code: ErrorCode
) -> None:
    [created] = create(client, "refused", **fields)
    assert created.error_code is code
    assert created.error_message
    assert not is_there(client, "refused")


@pytest.mark.parametrize(
    ("assignments", "code"),
    [
        ([(0, (1,)), (1, (1,))], ErrorCode.none),
        ([(0, (1,)), (2, (1,))], ErrorCode.invalid_replica_assignment),
        ([(0, (1, 2))], ErrorCode.invalid_replica_assignment),
    ],
)
def test_assignments_may_only_name_this_broker(
    client: WireClient, assignments: list[tuple[int, tuple[int, ...]]], code: ErrorCode
) -> None:
    listed = [{"partition_index": index, "broker_ids": brokers} for index, brokers in assignments]
    [created] = create(
        client, "assigned", assignments=listed, num_partitions=-1, replication_factor=-1, validate_only=True
    )
    assert created.error_code is code


def test_a_topic_is_described_by_its_id_whatever_name_comes_with_it(client: WireClient, new_topic: NewTopic) -> None:
    topic = new_topic()
    [by_name] = client.call("metadata", 13, {"topics": [{"name": topic}]}).topics
    for name in (None, ""):
        asked = {"topics": [{"name": name, "topic_id": by_name.topic_id}]}
        assert client.call("metadata", 13, asked).topics == (by_name,)
    unknown = uuid.uuid4()
    [refused] = client.call("metadata", 13, {"topics": [{"name": "", "topic_id": unknown}]}).topics
    assert (refused.error_code, refused.name, refused.topic_id) == (ErrorCode.unknown_topic_id, None, unknown)


def test_minus_one_is_the_brokers_choice(client: WireClient) -> None:
    [created] = create(client, "chosen", num_partitions=-1, replication_factor=-1)
    assert (created.error_code, created.num_partitions, created.replication_factor) == (ErrorCode.none, 1, 1)


def test_a_name_asked_twice_is_refused_and_answered_once(client: WireClient) -> None:
    answers = {created.name: created.error_code for created in create(client, "twice", "once", "twice")}
    assert answers == {"twice": ErrorCode.invalid_request, "once": ErrorCode.none}
    assert not is_there(client, "twice")
    asked = [{"name": "once", "count": count, "assignments": None} for count in (2, 3)]
    [grown] = client.call("create_partitions", 3, {"topics": asked}).results
    assert (grown.name, grown.error_code) == ("once", ErrorCode.invalid_request)


def test_of_a_setting_given_twice_the_last_counts(client: WireClient) -> None:
    configs = [{"name": "retention.ms", "value": value} for value in ("1", "2")]
    topic = {"name": "set-twice", "num_partitions": 1, "replication_factor": 1, "configs": configs}
    [created] = client.call("create_topics", 7, {"topics": [topic], "validate_only": True}).topics
    assert created.error_code is ErrorCode.none
    assert {config.name: config.value for config in created.configs}["retention.ms"] == "2"


def test_validating_makes_nothing(client: WireClient) -> None:
    [checked] = create(client, "checked", configs={"retention.ms": "5000"}, validate_only=True)
    assert (checked.error_code, checked.topic_id) == (ErrorCode.none, None)
    assert ("retention.ms", "5000", 1) in [
        (config.name, config.value, config.config_source) for config in checked.configs
    ]
    assert not is_there(client, "checked")


@pytest.mark.parametrize("name", ["__cluster_metadata", "__consumer_offsets", "__transaction_state"])
def test_the_brokers_own_topics_are_its_own(client: WireClient, name: str) -> None:
    [created] = create(client, name)
    known = ErrorCode.topic_already_exists if is_there(client, name) else ErrorCode.invalid_request
    assert created.error_code is known
    [described] = client.call("metadata", 4, {"topics": [{"name": name}], "allow_auto_topic_creation": True}).topics
    assert described.error_code in (ErrorCode.unknown_topic_or_partition, ErrorCode.none)


def test_a_topic_is_created_on_first_use_only_where_that_is_wanted(client: WireClient) -> None:
    asked: dict[str, Any] = {"topics": [{"name": "first-use"}], "allow_auto_topic_creation": False}
    [refused] = client.call("metadata", 4, asked).topics
    assert refused.error_code is ErrorCode.unknown_topic_or_partition
    [created] = client.call("metadata", 4, asked | {"allow_auto_topic_creation": True}).topics
    assert (created.error_code, len(created.partitions)) == (ErrorCode.none, 1)


def test_a_broker_may_be_told_to_create_nothing_by_itself() -> None:
    config = BrokerConfig(port=0, metrics_port=0, auto_create_topics=False)
    with Broker(config) as broker, WireClient(broker.port) as client:
        asked = {"topics": [{"name": "first-use"}], "allow_auto_topic_creation": True}
        [refused] = client.call("metadata", 4, asked).topics
        assert refused.error_code is ErrorCode.unknown_topic_or_partition


def test_a_topic_made_again_is_a_new_one(client: WireClient, new_topic: NewTopic) -> None:
    topic = new_topic()
    produce_values(client, topic, b"old")
    client.call("delete_topics", 5, {"topic_names": (topic,)})
    create(client, topic)
    assert produce_values(client, topic, b"new") == 0


def test_a_topic_is_deleted_by_name_or_id_and_not_by_both(client: WireClient, new_topic: NewTopic) -> None:
    topic = new_topic()
    [described] = client.call("metadata", 12, {"topics": [{"name": topic}]}).topics
    asked = [{"name": topic, "topic_id": described.topic_id}]
    [refused] = client.call("delete_topics", 6, {"topics": asked}).responses
    assert refused.error_code is ErrorCode.invalid_request


def test_a_topic_that_a_request_names_twice_stays(client: WireClient, new_topic: NewTopic) -> None:
    topic, other = new_topic(), new_topic()
    [described] = client.call("metadata", 12, {"topics": [{"name": topic}]}).topics
    by_name, by_id = {"name": topic, "topic_id": None}, {"name": None, "topic_id": described.topic_id}
    for asked in ([by_name, by_name], [by_id, by_id], [by_name, by_id]):
        [refused] = client.call("delete_topics", 6, {"topics": asked}).responses
        assert (refused.name, refused.error_code) == (topic, ErrorCode.invalid_request)
    assert is_there(client, topic)
    asked = [by_id, {"name": other, "topic_id": None}]
    answers = {one.name: one.error_code for one in client.call("delete_topics", 6, {"topics": asked}).responses}
    assert answers == {topic: ErrorCode.none, other: ErrorCode.none}
    [unknown] = client.call("delete_topics", 6, {"topics": [by_id]}).responses
    assert (unknown.name, unknown.error_code) == (None, ErrorCode.unknown_topic_id)
