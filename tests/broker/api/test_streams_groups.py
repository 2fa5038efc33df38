"""The APIs of streams groups (KIP-1071), byte by byte over a connection. The answers are those of Apache Kafka 4.3."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Mapping
from typing import Any

import pytest
from kio.schema.errors import ErrorCode
from kio.schema.streams_group_heartbeat.v0.request import Endpoint, Topology

from logpost_broker import Broker
from logpost_broker.groups.streams.statuses import StatusCode
from tests.broker.api.conftest import create
from tests.broker.wire_client import WireClient, entity

REBALANCE = datetime.timedelta(seconds=60)
UNCHANGED = datetime.timedelta(milliseconds=-1)
GROUP_RESOURCE, SET = 32, 0


@pytest.fixture
def app() -> str:
    return f"app-{uuid.uuid4().hex}"


@pytest.fixture
def source(client: WireClient) -> str:
    """A topic with two partitions."""
    name = f"source-{uuid.uuid4().hex}"
    create(client, name, num_partitions=2)
    return name


def word_count(app: str, source: str, **changelog: object) -> Topology:
    compact = [{"key": "cleanup.policy", "value": "compact"}]
    changelog = {"name": f"{app}-changelog", "topic_configs": compact, **changelog}
    repartition = {"name": f"{app}-repartition", "topic_configs": [{"key": "segment.bytes", "value": "52428800"}]}
    return topology(
        {"subtopology_id": "0", "source_topics": (source,), "repartition_sink_topics": (f"{app}-repartition",)},
        {
            "subtopology_id": "1",
            "repartition_source_topics": [repartition],
            "state_changelog_topics": [changelog],
        },
    )


def topology(*parts: Mapping[str, object]) -> Topology:
    made: Topology = entity(Topology, {"epoch": 0, "subtopologies": list(parts)})
    return made


def join(client: WireClient, app: str, topology: object, **said: object) -> Any:
    values = {
        "group_id": app,
        "member_id": "member",
        "member_epoch": 0,
        "instance_id": None,
        "rebalance_timeout": REBALANCE,
        "topology": topology,
        "active_tasks": [],
        "standby_tasks": [],
        "warmup_tasks": [],
        "process_id": "process",
    }
    return client.call("streams_group_heartbeat", 0, {**values, **said})


def quiet(client: WireClient, app: str, epoch: int, **said: object) -> Any:
    values = {"group_id": app, "member_id": "member", "member_epoch": epoch, "rebalance_timeout": UNCHANGED}
    return client.call("streams_group_heartbeat", 0, {**values, **said})


def running(client: WireClient, app: str, source: str) -> int:
    """A group of one member that has all tasks; answers its epoch."""
    joined = join(client, app, word_count(app, source))
    told = quiet(client, app, joined.member_epoch)
    assert [task.partitions for task in told.active_tasks] == [(0, 1), (0, 1)]
    return int(told.member_epoch)


def described(client: WireClient, app: str) -> Any:
    [group] = client.call("streams_group_describe", 0, {"group_ids": (app,)}).groups
    return group


def config_of(client: WireClient, topic: str, name: str) -> object:
    asked = {"resources": [{"resource_type": 2, "resource_name": topic, "configuration_keys": (name,)}]}
    [result] = client.call("describe_configs", 4, asked).results
    return result.configs[0].value


def test_the_broker_announces_streams_groups(client: WireClient) -> None:
    answer = client.call("api_versions", 4, {})
    assert {88, 89} <= {api.api_key for api in answer.api_keys}
    assert ("streams.version", 1) in {(found.name, found.max_version_level) for found in answer.finalized_features}


def test_a_member_joins_and_its_internal_topics_are_made(client: WireClient, app: str, source: str) -> None:
    endpoint = Endpoint(host="host", port=7)  # type: ignore[arg-type]  # kio's own integers
    joined = join(client, app, word_count(app, source), user_endpoint=endpoint)
    assert (joined.error_code, joined.member_epoch, joined.active_tasks) == (ErrorCode.none, 2, ())
    assert joined.heartbeat_interval == datetime.timedelta(seconds=5)
    [status] = joined.status
    assert status.status_code == StatusCode.MISSING_INTERNAL_TOPICS
    assert status.status_detail == f"Internal topics are missing: {app}-changelog, {app}-repartition"
    told = quiet(client, app, 2)
    assert (told.member_epoch, told.status, told.standby_tasks, told.warmup_tasks) == (3, (), (), ())
    assert [(task.subtopology_id, task.partitions) for task in told.active_tasks] == [("0", (0, 1)), ("1", (0, 1))]
    [there] = told.partitions_by_user_endpoint
    assert (there.user_endpoint.host, there.user_endpoint.port) == ("host", 7)
    assert [(place.topic, place.partitions) for place in there.active_partitions] == [
        (source, (0, 1)),
        (f"{app}-repartition", (0, 1)),
    ]
    assert config_of(client, f"{app}-changelog", "cleanup.policy") == "compact"
    assert config_of(client, f"{app}-repartition", "segment.bytes") == "52428800"
    again = quiet(client, app, 3, endpoint_information_epoch=told.endpoint_information_epoch)
    assert (again.active_tasks, again.partitions_by_user_endpoint) == (None, None)


def test_what_cannot_be_made_is_told(client: WireClient, app: str, source: str) -> None:
    joined = join(client, app, word_count(app, source, replication_factor=3))
    [status] = joined.status
    assert status.status_code == StatusCode.MISSING_INTERNAL_TOPICS
    assert f"Creation failed: {app}-changelog (Unable to replicate the partition 3 time(s)" in status.status_detail


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"member_id": ""}, "MemberId can't be empty."),
        ({"group_id": ""}, "GroupId can't be empty."),
        ({"rack_id": ""}, "RackId can't be empty."),
        ({"instance_id": "i"}, "Static membership is not yet supported."),
        ({"task_offsets": []}, "TaskOffsets are not supported yet."),
        ({"task_end_offsets": []}, "TaskEndOffsets are not supported yet."),
        ({"topology": None}, "Topology must be non-null when (re-)joining."),
        ({"rebalance_timeout": UNCHANGED}, "RebalanceTimeoutMs must be provided in first request."),
        ({"active_tasks": None}, "ActiveTasks must be empty when (re-)joining."),
        ({"standby_tasks": [{"subtopology_id": "0", "partitions": (0,)}]}, "StandbyTasks must be empty when"),
        ({"warmup_tasks": [{"subtopology_id": "0", "partitions": (0,)}]}, "WarmupTasks are not supported yet."),
        ({"member_epoch": 1}, "Topology can only be provided when (re-)joining."),
        ({"member_epoch": -2}, "InstanceId can't be null."),
        ({"member_epoch": -3}, "MemberEpoch is -3, but must be greater than or equal to -2."),
        ({"member_epoch": 1, "topology": None, "active_tasks": None}, "If one task-type is non-null, all must be"),
        (
            {"topology": topology({"subtopology_id": "0", "source_topic_regex": ("a.*",)})},
            "Regular expressions for source topics are not supported yet.",
        ),
        ({"process_id": "p" * 40_000}, "a string has at most"),
    ],
)
def test_a_malformed_heartbeat_is_refused(client: WireClient, app: str, said: dict[str, object], message: str) -> None:
    refused = join(client, app, **{"topology": word_count(app, "any"), **said})
    assert refused.error_code is ErrorCode.invalid_request
    assert message in refused.error_message
    assert refused.status == ()


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"source_topics": ("__consumer_offsets",)}, "Use of Kafka internal topics __consumer_offsets in a Kafka"),
        ({"source_topics": ("a b", "c/d")}, "Topic names a b,c/d are not valid topic names."),
        ({"source_topics": ("a",), "state_changelog_topics": [{"name": "c", "partitions": 3}]}, "but it is set to 3."),
        ({}, "No source topics found for subtopology 0"),
        ({"source_topics": ("a",), "copartition_groups": [{"source_topics": (1,)}]}, "names a topic that it has not"),
        ({"repartition_source_topics": [{"name": "r"}]}, "a repartition source topic is never used as a sink topic."),
    ],
)
def test_a_topology_that_makes_no_sense_is_refused(
    client: WireClient, app: str, part: dict[str, object], message: str
) -> None:
    refused = join(client, app, topology({"subtopology_id": "0", **part}))
    assert refused.error_code is ErrorCode.streams_invalid_topology
    assert message in refused.error_message
    assert described(client, app).error_code is ErrorCode.group_id_not_found


def test_two_subtopologies_have_two_ids(client: WireClient, app: str, source: str) -> None:
    part = {"subtopology_id": "0", "source_topics": (source,)}
    assert join(client, app, topology(part, part)).error_code is ErrorCode.streams_invalid_topology


def test_a_group_that_is_not_there(client: WireClient, app: str) -> None:
    for epoch, message in ((3, f"Streams group {app} not found."), (-1, f"Group {app} not found.")):
        refused = quiet(client, app, epoch)
        assert (refused.error_code, refused.error_message) == (ErrorCode.group_id_not_found, message)


def test_a_group_is_described(client: WireClient, app: str, source: str) -> None:
    epoch = running(client, app, source)
    group = described(client, app)
    assert (group.group_state, group.group_epoch, group.assignment_epoch) == ("Stable", epoch, epoch)
    first, second = group.topology.subtopologies
    assert (first.source_topics, first.repartition_sink_topics) == ((source,), (f"{app}-repartition",))
    [changelog] = second.state_changelog_topics
    assert (changelog.name, changelog.partitions) == (f"{app}-changelog", 2)
    [member] = group.members
    assert (member.member_id, member.process_id, member.member_epoch) == ("member", "process", epoch)
    assert member.assignment == member.target_assignment
    assert [task.subtopology_id for task in member.assignment.active_tasks] == ["0", "1"]


def test_a_group_that_waits_for_its_source_topics_is_described(client: WireClient, app: str) -> None:
    [status] = join(client, app, word_count(app, "not-there")).status
    assert (status.status_code, status.status_detail) == (
        StatusCode.MISSING_SOURCE_TOPICS,
        "Source topics not-there are missing.",
    )
    group = described(client, app)
    assert group.group_state == "NotReady"
    [changelog] = group.topology.subtopologies[1].state_changelog_topics
    assert changelog.partitions == 0, "nobody can say yet"


def test_a_group_of_another_kind_is_none(client: WireClient, app: str, source: str) -> None:
    running(client, app, source)
    [listed] = [
        group for group in client.call("list_groups", 5, {"types_filter": ("Streams",)}).groups if group.group_id == app
    ]
    assert (listed.protocol_type, listed.group_state, listed.group_type) == ("streams", "Stable", "streams")
    [classic] = client.call("describe_groups", 6, {"groups": (app,)}).groups
    assert (classic.error_code, classic.error_message) == (
        ErrorCode.group_id_not_found,
        f"Group {app} is not a classic group.",
    )
    [consumer] = client.call("consumer_group_describe", 1, {"group_ids": (app,)}).groups
    assert consumer.error_message == f"Group {app} is not a consumer group."
    heartbeat = {"group_id": app, "member_id": "c", "rebalance_timeout": REBALANCE, "subscribed_topic_names": (source,)}
    asked = {**heartbeat, "member_epoch": 0, "topic_partitions": []}
    assert client.call("consumer_group_heartbeat", 1, asked).error_code is ErrorCode.group_id_not_found


def classic_join(client: WireClient, group: str) -> Any:
    asked = {
        "group_id": group,
        "session_timeout": REBALANCE,
        "rebalance_timeout": REBALANCE,
        "protocol_type": "consumer",
        "protocols": [{"name": "range", "metadata": b""}],
    }
    first = client.call("join_group", 9, asked)
    return client.call("join_group", 9, {**asked, "member_id": first.member_id}) if first.member_id else first


def test_empty_groups_change_their_kind_and_keep_their_offsets(client: WireClient, app: str, source: str) -> None:
    assert commit(client, app, source, "", -1) is ErrorCode.none
    epoch = running(client, app, source)
    assert classic_join(client, app).error_code is ErrorCode.inconsistent_group_protocol
    quiet(client, app, -1)
    assert described(client, app).group_state == "Empty"
    assert classic_join(client, app).error_code is ErrorCode.none
    refused = join(client, app, word_count(app, source))
    assert (refused.error_code, refused.error_message) == (
        ErrorCode.group_id_not_found,
        f"Group {app} is not a streams group.",
    )
    assert epoch == 3
    assert fetched(client, app, source, None, -1).committed_offset == 5


def commit(client: WireClient, group: str, topic: str, member_id: str, epoch: int, version: int = 9) -> ErrorCode:
    partition = {"partition_index": 0, "committed_offset": 5, "committed_leader_epoch": -1, "committed_metadata": ""}
    asked = {
        "group_id": group,
        "member_id": member_id,
        "generation_id_or_member_epoch": epoch,
        "topics": [{"name": topic, "partitions": [partition]}],
    }
    [answered] = client.call("offset_commit", version, asked).topics
    code: ErrorCode = answered.partitions[0].error_code
    return code


def fetched(client: WireClient, group: str, topic: str, member_id: str | None, epoch: int) -> Any:
    topics = [{"name": topic, "partition_indexes": (0,)}]
    asked = {"group_id": group, "member_id": member_id, "member_epoch": epoch, "topics": topics}
    [answered] = client.call("offset_fetch", 9, {"groups": [asked]}).groups
    return answered if answered.error_code is not ErrorCode.none else answered.topics[0].partitions[0]


def test_offsets_are_those_of_a_members_epoch(client: WireClient, app: str, source: str) -> None:
    epoch = running(client, app, source)
    assert commit(client, app, source, "member", epoch) is ErrorCode.none
    assert commit(client, app, source, "member", epoch, 8) is ErrorCode.unsupported_version
    assert commit(client, app, source, "member", epoch + 1) is ErrorCode.stale_member_epoch
    assert commit(client, app, source, "other", epoch) is ErrorCode.unknown_member_id
    assert fetched(client, app, source, "member", epoch).committed_offset == 5
    assert fetched(client, app, source, "member", epoch - 1).error_code is ErrorCode.stale_member_epoch


def test_offsets_of_a_transaction_are_checked_too(client: WireClient, app: str, source: str) -> None:
    epoch = running(client, app, source)
    transactional_id = f"transaction-{app}"
    made = client.call("init_producer_id", 5, {"transactional_id": transactional_id, "transaction_timeout": REBALANCE})
    partition = {"partition_index": 0, "committed_offset": 7, "committed_leader_epoch": -1, "committed_metadata": ""}
    for member_id, generation, code in (
        ("member", epoch, ErrorCode.none),
        ("member", epoch + 1, ErrorCode.illegal_generation),
        ("other", epoch, ErrorCode.unknown_member_id),
    ):
        asked = {
            "transactional_id": transactional_id,
            "group_id": app,
            "producer_id": made.producer_id,
            "producer_epoch": made.producer_epoch,
            "member_id": member_id,
            "generation_id": generation,
            "topics": [{"name": source, "partitions": [partition]}],
        }
        [answered] = client.call("txn_offset_commit", 5, asked).topics
        assert answered.partitions[0].error_code is code


def test_only_a_group_without_members_is_deleted(client: WireClient, app: str, source: str) -> None:
    running(client, app, source)

    def deletion() -> ErrorCode:
        code: ErrorCode = client.call("delete_groups", 2, {"groups_names": (app,)}).results[0].error_code
        return code

    assert deletion() is ErrorCode.non_empty_group
    quiet(client, app, -1)
    assert deletion() is ErrorCode.none
    assert deletion() is ErrorCode.group_id_not_found


def test_standbys_are_a_setting_of_the_group(client: WireClient, app: str, source: str) -> None:
    wanted = {"streams.num.standby.replicas": "1", "streams.assignment.interval.ms": "0"}
    changes = [{"name": name, "config_operation": SET, "value": value} for name, value in wanted.items()]
    resource = {"resource_type": GROUP_RESOURCE, "resource_name": app, "configs": changes}
    [altered] = client.call("incremental_alter_configs", 1, {"resources": [resource]}).responses
    assert altered.error_code is ErrorCode.none
    running(client, app, source)
    other = join(client, app, word_count(app, source), member_id="other", process_id="another")
    assert [(task.subtopology_id, len(task.partitions)) for task in other.standby_tasks] == [("1", 1)]


def test_a_setting_beyond_kafkas_range_is_refused(client: WireClient, app: str) -> None:
    for name, value in (("streams.num.standby.replicas", "3"), ("streams.session.timeout.ms", "60001")):
        change = {"name": name, "config_operation": SET, "value": value}
        resource = {"resource_type": GROUP_RESOURCE, "resource_name": app, "configs": [change]}
        [refused] = client.call("incremental_alter_configs", 1, {"resources": [resource]}).responses
        assert refused.error_code is ErrorCode.invalid_config


def test_a_group_is_there_after_a_restart(broker: Broker, app: str) -> None:
    with WireClient(broker.port) as client:
        create(client, "source", num_partitions=2)
        epoch = running(client, app, "source")
        before = described(client, app)
    broker.stop()
    broker.start()
    with WireClient(broker.port) as client:
        assert described(client, app) == before
        assert quiet(client, app, epoch).error_code is ErrorCode.none
