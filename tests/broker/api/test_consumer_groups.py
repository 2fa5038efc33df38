"""The APIs of consumer groups (KIP-848) at every version, byte by byte over a connection."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

import pytest
from kio.schema.errors import ErrorCode

from tests.broker.wire_client import WireClient, versions

REBALANCE = datetime.timedelta(seconds=5)
UNCHANGED = datetime.timedelta(milliseconds=-1)
CONSUMER_MEMBER = 1


@pytest.fixture
def group() -> str:
    return f"group-{uuid.uuid4()}"


@pytest.fixture
def topic(client: WireClient) -> tuple[str, uuid.UUID]:
    """Name and id of a topic with two partitions."""
    name = f"topic-{uuid.uuid4()}"
    asked = {"topics": [{"name": name, "num_partitions": 2, "replication_factor": 1}], "timeout": REBALANCE}
    return name, client.call("create_topics", 7, asked).topics[0].topic_id


def join(client: WireClient, group: str, topic: str, version: int = 1, **said: object) -> Any:
    values = {
        "group_id": group,
        "member_id": "member",
        "member_epoch": 0,
        "instance_id": None,
        "rebalance_timeout": REBALANCE,
        "subscribed_topic_names": (topic,),
        "topic_partitions": [],
    }
    return client.call("consumer_group_heartbeat", version, {**values, **said})


def quiet(client: WireClient, group: str, epoch: int, version: int = 1) -> Any:
    values = {"group_id": group, "member_id": "member", "member_epoch": epoch, "rebalance_timeout": UNCHANGED}
    return client.call("consumer_group_heartbeat", version, values)


def states(client: WireClient, version: int, **filters: tuple[str, ...]) -> dict[str, Any]:
    return {listed.group_id: listed for listed in client.call("list_groups", version, filters).groups}


@pytest.mark.parametrize("version", versions("consumer_group_heartbeat"))
def test_a_member_joins_and_is_assigned_everything(
    client: WireClient, group: str, topic: tuple[str, uuid.UUID], version: int
) -> None:
    joined = join(client, group, topic[0], version)
    assert (joined.error_code, joined.member_id) == (ErrorCode.none, "member")
    assert joined.heartbeat_interval == datetime.timedelta(seconds=5)
    [assigned] = joined.assignment.topic_partitions
    assert (assigned.topic_id, assigned.partitions) == (topic[1], (0, 1))
    again = quiet(client, group, joined.member_epoch, version)
    assert (again.error_code, again.member_epoch, again.assignment) == (ErrorCode.none, joined.member_epoch, None)
    assert quiet(client, group, -1, version).member_epoch == -1
    assert quiet(client, group, joined.member_epoch, version).error_code is ErrorCode.unknown_member_id


def test_version_0_gives_a_member_its_id(client: WireClient, group: str, topic: tuple[str, uuid.UUID]) -> None:
    assert uuid.UUID(join(client, group, topic[0], 0, member_id="").member_id)
    refused = join(client, group, topic[0], 1, member_id="")
    assert (refused.error_code, refused.error_message) == (ErrorCode.invalid_request, "MemberId can't be empty.")


def test_a_regular_expression(client: WireClient, group: str, topic: tuple[str, uuid.UUID]) -> None:
    name = topic[0]
    joined = join(client, group, name, subscribed_topic_names=None, subscribed_topic_regex=f"^{name[:-4]}.*$")
    [assigned] = joined.assignment.topic_partitions
    assert assigned.topic_id == topic[1]
    bad = join(client, group, name, member_id="other", subscribed_topic_regex="[")
    assert bad.error_code is ErrorCode.invalid_regular_expression
    assert "[" in bad.error_message


@pytest.mark.parametrize("version", versions("consumer_group_describe"))
def test_describe(client: WireClient, group: str, topic: tuple[str, uuid.UUID], version: int) -> None:
    joined = join(client, group, topic[0], instance_id="one")
    asked = {"group_ids": (group, "missing", ""), "include_authorized_operations": True}
    described, missing, empty = client.call("consumer_group_describe", version, asked).groups
    assert (described.error_code, described.group_state, described.assignor_name) == (
        ErrorCode.none,
        "Stable",
        "uniform",
    )
    assert described.group_epoch == described.assignment_epoch == joined.member_epoch
    assert described.authorized_operations > 0
    [member] = described.members
    assert (member.member_id, member.instance_id, member.client_id) == ("member", "one", "wire-client")
    assert (member.member_epoch, member.subscribed_topic_names) == (joined.member_epoch, (topic[0],))
    for assignment in (member.assignment, member.target_assignment):
        [assigned] = assignment.topic_partitions
        assert (assigned.topic_id, assigned.topic_name, assigned.partitions) == (topic[1], topic[0], (0, 1))
    assert version == 0 or member.member_type == CONSUMER_MEMBER
    assert (missing.error_code, empty.error_code) == (ErrorCode.group_id_not_found, ErrorCode.invalid_group_id)


def test_a_classic_group_is_no_consumer_group_and_the_other_way_round(
    client: WireClient, group: str, topic: tuple[str, uuid.UUID]
) -> None:
    classic = f"classic-{group}"
    commit(client, classic, topic, 9, "", -1)
    [described] = client.call("consumer_group_describe", 1, {"group_ids": (classic,)}).groups
    assert described.error_message == f"Group {classic} is not a consumer group."
    join(client, group, topic[0])
    [new] = client.call("describe_groups", 6, {"groups": (group,)}).groups
    assert (new.error_code, new.error_message) == (
        ErrorCode.group_id_not_found,
        f"Group {group} is not a classic group.",
    )
    [old] = client.call("describe_groups", 5, {"groups": (group,)}).groups
    assert (old.error_code, old.group_state) == (ErrorCode.none, "Dead")


def test_groups_are_listed_by_type_and_state(client: WireClient, group: str, topic: tuple[str, uuid.UUID]) -> None:
    classic = f"classic-{group}"
    commit(client, classic, topic, 9, "", -1)
    join(client, group, topic[0])
    listed = states(client, 5)
    assert (listed[group].group_type, listed[group].group_state) == ("consumer", "Stable")
    assert (listed[group].protocol_type, listed[classic].group_type) == ("consumer", "classic")
    assert {group, classic} & states(client, 5, types_filter=("Consumer",)).keys() == {group}
    assert {group, classic} & states(client, 5, types_filter=("classic",)).keys() == {classic}
    assert {group, classic} & states(client, 4, states_filter=("stable",)).keys() == {group}
    assert {group, classic} & states(client, 4, states_filter=("Empty",)).keys() == {classic}


def commit(
    client: WireClient, group: str, topic: tuple[str, uuid.UUID], version: int, member_id: str, epoch: int
) -> ErrorCode:
    partition = {"partition_index": 0, "committed_offset": 5, "committed_metadata": ""}
    values = {
        "group_id": group,
        "member_id": member_id,
        "generation_id_or_member_epoch": epoch,
        "generation_id": epoch,
        "topics": [{"name": topic[0], "topic_id": topic[1], "partitions": [partition]}],
    }
    code: ErrorCode = client.call("offset_commit", version, values).topics[0].partitions[0].error_code
    return code


def test_offsets_are_committed_and_fetched_by_member_epoch(
    client: WireClient, group: str, topic: tuple[str, uuid.UUID]
) -> None:
    epoch = join(client, group, topic[0]).member_epoch
    for version in (9, 10):
        assert commit(client, group, topic, version, "member", epoch) is ErrorCode.none
        assert commit(client, group, topic, version, "member", epoch + 1) is ErrorCode.stale_member_epoch
        assert commit(client, group, topic, version, "stranger", epoch) is ErrorCode.unknown_member_id
        for member_id, member_epoch, code in (
            ("member", epoch, ErrorCode.none),
            (None, -1, ErrorCode.none),
            ("member", epoch + 1, ErrorCode.stale_member_epoch),
            ("stranger", epoch, ErrorCode.unknown_member_id),
        ):
            asked = {"group_id": group, "member_id": member_id, "member_epoch": member_epoch, "topics": None}
            [fetched] = client.call("offset_fetch", version, {"groups": [asked]}).groups
            assert fetched.error_code is code
            assert [part.committed_offset for of in fetched.topics for part in of.partitions] == [5] * (not code)
    for version in versions("offset_commit")[:-2]:
        assert commit(client, group, topic, version, "member", epoch) is ErrorCode.unsupported_version


def test_a_member_of_a_group_that_is_gone_is_told_so(
    client: WireClient, group: str, topic: tuple[str, uuid.UUID]
) -> None:
    for version in (9, 10):
        assert commit(client, group, topic, version, "member", 3) is ErrorCode.group_id_not_found
    assert commit(client, group, topic, 8, "member", 3) is ErrorCode.illegal_generation


@pytest.mark.parametrize("version", versions("delete_groups"))
def test_a_group_is_deleted_when_its_members_have_left(
    client: WireClient, group: str, topic: tuple[str, uuid.UUID], version: int
) -> None:
    join(client, group, topic[0])
    asked = {"groups_names": (group,)}
    assert client.call("delete_groups", version, asked).results[0].error_code is ErrorCode.non_empty_group
    quiet(client, group, -1)
    assert client.call("delete_groups", version, asked).results[0].error_code is ErrorCode.none
    assert group not in states(client, 5)


@pytest.mark.parametrize("version", [3, 4])
def test_clients_are_told_that_there_are_consumer_groups(client: WireClient, version: int) -> None:
    answer = client.call("api_versions", version, {"client_software_name": "test", "client_software_version": "1"})
    finalized = {feature.name: feature.max_version_level for feature in answer.finalized_features}
    supported = {feature.name: feature.max_version for feature in answer.supported_features}
    assert (finalized["group.version"], supported["group.version"]) == (1, 1)
