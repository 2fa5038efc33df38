"""Elections, reassignments, the quorum, features: what only several brokers could do is refused with Kafka's codes.

The expected answers are those of Apache Kafka 4.3 on a single node, unless a test says otherwise.
"""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from kio.schema.errors import ErrorCode

from logpost_broker import Broker
from tests.broker.api.conftest import NewTopic
from tests.broker.wire_client import WireClient, versions

UNKNOWN = ErrorCode.unknown_topic_or_partition


@pytest.mark.parametrize("version", versions("elect_leaders"))
def test_no_election_is_needed(client: WireClient, new_topic: NewTopic, version: int) -> None:
    topic = new_topic()
    asked = [{"topic": topic, "partitions": (0, 9)}, {"topic": "none", "partitions": (0,)}]
    answer = client.call("elect_leaders", version, {"topic_partitions": asked})
    assert getattr(answer, "error_code", ErrorCode.none) is ErrorCode.none
    assert [
        (one.topic, [(result.partition_id, result.error_code) for result in one.partition_result])
        for one in answer.replica_election_results
    ] == [(topic, [(0, ErrorCode.election_not_needed), (9, UNKNOWN)]), ("none", [(0, UNKNOWN)])]


def test_an_election_of_all_partitions_changes_none(client: WireClient, new_topic: NewTopic) -> None:
    topic = new_topic()
    results = client.call("elect_leaders", 2, {"topic_partitions": None}).replica_election_results
    assert (topic, ()) in [(one.topic, one.partition_result) for one in results]


def test_an_unknown_election_is_refused(client: WireClient, new_topic: NewTopic) -> None:
    asked: dict[str, Any] = {
        "election_type": 2,
        "topic_partitions": [{"topic": new_topic(), "partitions": (0,)}],
    }
    answer = client.call("elect_leaders", 2, asked)
    assert answer.error_code is ErrorCode.invalid_request
    assert answer.replica_election_results[0].partition_result[0].error_code is ErrorCode.invalid_request
    nothing = client.call("elect_leaders", 2, asked | {"topic_partitions": None})
    assert (nothing.error_code, nothing.replica_election_results) == (ErrorCode.invalid_request, ())
    assert client.call("elect_leaders", 2, asked | {"topic_partitions": []}).error_code is ErrorCode.none


@pytest.mark.parametrize("version", versions("alter_partition_reassignments"))
@pytest.mark.parametrize(
    ("replicas", "code"),
    [
        ((1,), ErrorCode.none),
        (None, ErrorCode.no_reassignment_in_progress),
        ((2,), ErrorCode.invalid_replica_assignment),
        ((1, 2), ErrorCode.invalid_replica_assignment),
        ((1, 1), ErrorCode.invalid_replica_assignment),
        ((-1,), ErrorCode.invalid_replica_assignment),
        ((), ErrorCode.invalid_replica_assignment),
    ],
)
def test_a_partition_can_only_be_where_it_is(
    client: WireClient, new_topic: NewTopic, version: int, replicas: tuple[int, ...] | None, code: ErrorCode
) -> None:
    topic = new_topic()
    partitions = [{"partition_index": number, "replicas": replicas} for number in (0, 9)]
    topics = [{"name": topic, "partitions": partitions}, {"name": "none", "partitions": partitions[:1]}]
    answer = client.call("alter_partition_reassignments", version, {"topics": topics})
    assert answer.error_code is ErrorCode.none
    assert [
        (one.name, [(result.partition_index, result.error_code) for result in one.partitions])
        for one in answer.responses
    ] == [(topic, [(0, code), (9, UNKNOWN)]), ("none", [(0, UNKNOWN)])]


def test_nothing_is_ever_on_its_way(client: WireClient, new_topic: NewTopic) -> None:
    for topics in (None, [{"name": new_topic(), "partition_indexes": (0, 9)}]):
        answer = client.call("list_partition_reassignments", 0, {"topics": topics})
        assert (answer.error_code, answer.topics) == (ErrorCode.none, ())


@pytest.mark.parametrize("version", versions("describe_quorum"))
def test_the_quorum_is_this_node(client: WireClient, shared_broker: Broker, version: int) -> None:
    asked = [{"topic_name": "__cluster_metadata", "partitions": [{"partition_index": 0}]}]
    answer = client.call("describe_quorum", version, {"topics": asked})
    [partition] = answer.topics[0].partitions
    assert (answer.error_code, partition.error_code) == (ErrorCode.none, ErrorCode.none)
    assert (partition.leader_id, partition.observers) == (1, ())
    [voter] = partition.current_voters
    assert (voter.replica_id, voter.log_end_offset) == (1, partition.high_watermark)
    if version >= 2:
        [node] = answer.nodes
        assert (node.node_id, node.listeners[0].port) == (1, shared_broker.port)


@pytest.mark.parametrize("places", [[("__cluster_metadata", 1)], [("t", 0)], [("__cluster_metadata", 0), ("t", 0)], []])
def test_there_is_no_other_quorum(client: WireClient, places: list[tuple[str, int]]) -> None:
    asked = [{"topic_name": name, "partitions": [{"partition_index": number}]} for name, number in places]
    answer = client.call("describe_quorum", 2, {"topics": asked})
    assert [(topic.topic_name, topic.partitions[0].error_code) for topic in answer.topics] == [
        (name, UNKNOWN) for name, _ in places
    ]


@pytest.mark.parametrize("version", versions("update_features"))
@pytest.mark.parametrize(
    ("feature", "level", "code"),
    [
        ("group.version", 1, ErrorCode.none),
        ("metadata.version", 30, ErrorCode.none),
        ("metadata.version", 99, ErrorCode.invalid_update_version),
        ("metadata.version", 20, ErrorCode.invalid_update_version),
        ("group.version", 0, ErrorCode.invalid_update_version),
        ("group.version", -1, ErrorCode.invalid_update_version),
        ("none", 1, ErrorCode.invalid_update_version),
    ],
)
def test_features_keep_their_levels(
    client: WireClient, version: int, feature: str, level: int, code: ErrorCode
) -> None:
    updates = [{"feature": feature, "max_version_level": level, "upgrade_type": 1}]
    answer = client.call("update_features", version, {"feature_updates": updates})
    assert answer.error_code is code
    if version < 2:
        granted = [(result.feature, result.error_code) for result in answer.results]
        assert granted == ([(feature, ErrorCode.none)] if code is ErrorCode.none else [])


def test_an_unknown_kind_of_upgrade_is_refused(client: WireClient) -> None:
    updates = [{"feature": "group.version", "max_version_level": 1, "upgrade_type": 9}]
    answer = client.call("update_features", 2, {"feature_updates": updates})
    assert answer.error_code is ErrorCode.invalid_update_version


@pytest.mark.parametrize("version", [3, 4])
def test_features_tell_the_release_that_tools_see(client: WireClient, version: int) -> None:
    answer = client.call("api_versions", version, {"client_software_name": "test", "client_software_version": "1"})
    finalized = {one.name: (one.min_version_level, one.max_version_level) for one in answer.finalized_features}
    assert finalized["metadata.version"] == (30, 30)
    assert {one.name: (one.min_version, one.max_version) for one in answer.supported_features} == finalized


# Apache Kafka unregisters its only broker, which is a cluster without brokers then.
@pytest.mark.parametrize(
    ("broker_id", "code"),
    [(2, ErrorCode.broker_id_not_registered), (-1, ErrorCode.broker_id_not_registered), (1, ErrorCode.invalid_request)],
)
def test_no_broker_can_be_unregistered(client: WireClient, broker_id: int, code: ErrorCode) -> None:
    assert client.call("unregister_broker", 0, {"broker_id": broker_id}).error_code is code


# Apache Kafka started as a quorum that can grow tries to reach a new voter, and times out.
@pytest.mark.parametrize("version", versions("add_raft_voter"))
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, ErrorCode.unsupported_version),
        ({"voter_id": 1}, ErrorCode.duplicate_voter),
        ({"voter_id": -2}, ErrorCode.invalid_request),
        ({"voter_directory_id": None}, ErrorCode.invalid_request),
        ({"listeners": []}, ErrorCode.invalid_request),
        ({"cluster_id": "another"}, ErrorCode.inconsistent_cluster_id),
    ],
)
def test_no_voter_can_be_added(client: WireClient, version: int, changes: dict[str, Any], code: ErrorCode) -> None:
    listeners = [{"name": "CONTROLLER", "host": "localhost", "port": 9}]
    voter: dict[str, Any] = {"voter_id": 2, "voter_directory_id": uuid.uuid4(), "listeners": listeners}
    assert client.call("add_raft_voter", version, voter | changes).error_code is code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, ErrorCode.voter_not_found),
        ({"voter_id": 1}, ErrorCode.voter_not_found),
        ({"voter_directory_id": None}, ErrorCode.invalid_request),
        ({"cluster_id": "another"}, ErrorCode.inconsistent_cluster_id),
    ],
)
def test_no_voter_can_be_removed(client: WireClient, changes: dict[str, Any], code: ErrorCode) -> None:
    voter: dict[str, Any] = {"voter_id": 2, "voter_directory_id": uuid.uuid4()}
    assert client.call("remove_raft_voter", 0, voter | changes).error_code is code


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("kind", "code"), [(2, ErrorCode.mismatched_endpoint_type), (3, ErrorCode.unsupported_endpoint_type)]
)
def test_only_brokers_are_described(client: WireClient, version: int, kind: int, code: ErrorCode) -> None:
    answer = client.call("describe_cluster", version, {"endpoint_type": kind})
    assert (answer.error_code, answer.endpoint_type, answer.brokers, answer.controller_id) == (code, 1, (), -1)
