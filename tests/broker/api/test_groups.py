"""The group APIs at every version, byte by byte over a connection: one group's life, told in each of them."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from kio.schema.errors import ErrorCode

from logpost_broker import Broker
from logpost_broker.broker import EMBEDDED
from tests.broker.api.conftest import create
from tests.broker.wire_client import WireClient, versions

SESSION = datetime.timedelta(seconds=10)
PROTOCOL = [{"name": "range", "metadata": b"subscription"}]
NEWEST = {"join_group": 9, "sync_group": 5, "offset_commit": 10, "offset_fetch": 10, "leave_group": 5}


@pytest.fixture
def client(shared_broker: Broker) -> Iterator[WireClient]:
    with WireClient(shared_broker.port) as client:
        yield client


@pytest.fixture
def group() -> str:
    return f"group-{uuid.uuid4()}"


@pytest.fixture
def topic(client: WireClient) -> tuple[str, uuid.UUID]:
    """Name and id of a topic with two partitions."""
    name = f"topic-{uuid.uuid4()}"
    created = client.call(
        "create_topics",
        7,
        {"topics": [{"name": name, "num_partitions": 2, "replication_factor": 1}], "timeout": SESSION},
    )
    return name, created.topics[0].topic_id


def joining(group: str, member_id: str = "", instance_id: str | None = None) -> dict[str, Any]:
    return {
        "group_id": group,
        "session_timeout": SESSION,
        "rebalance_timeout": SESSION,
        "member_id": member_id,
        "group_instance_id": instance_id,
        "protocol_type": "consumer",
        "protocols": PROTOCOL,
    }


def join(client: WireClient, group: str, version: int, member_id: str = "", instance_id: str | None = None) -> Any:
    answer = client.call("join_group", version, joining(group, member_id, instance_id))
    if answer.error_code is ErrorCode.member_id_required:
        return join(client, group, version, answer.member_id)
    return answer


def sync(client: WireClient, group: str, joined: Any, version: int) -> Any:
    values = {
        "group_id": group,
        "generation_id": joined.generation_id,
        "member_id": joined.member_id,
        "protocol_type": "consumer",
        "protocol_name": "range",
        "assignments": [{"member_id": joined.member_id, "assignment": b"share"}],
    }
    return client.call("sync_group", version, values)


def stable(client: WireClient, group: str) -> Any:
    joined = join(client, group, NEWEST["join_group"])
    assert sync(client, group, joined, NEWEST["sync_group"]).error_code is ErrorCode.none
    return joined


@pytest.mark.parametrize("version", versions("join_group"))
def test_join_group(client: WireClient, group: str, version: int) -> None:
    answer = join(client, group, version)
    assert (answer.error_code, answer.generation_id, answer.protocol_name) == (ErrorCode.none, 1, "range")
    assert answer.leader == answer.member_id
    assert [(member.member_id, member.metadata) for member in answer.members] == [(answer.member_id, b"subscription")]
    assert getattr(answer, "protocol_type", "consumer") == "consumer"


@pytest.mark.parametrize("version", versions("join_group"))
def test_join_group_refuses(client: WireClient, group: str, version: int) -> None:
    answer = join(client, group, version, member_id="made-up")
    assert (answer.error_code, answer.generation_id) == (ErrorCode.unknown_member_id, -1)


@pytest.mark.parametrize("version", [version for version in versions("join_group") if version >= 5])
def test_join_group_gives_a_static_member_its_place_back(client: WireClient, group: str, version: int) -> None:
    first = join(client, group, version, instance_id="one")
    values = {
        "group_id": group,
        "generation_id": first.generation_id,
        "member_id": first.member_id,
        "group_instance_id": "one",
        "assignments": [{"member_id": first.member_id, "assignment": b"share"}],
    }
    client.call("sync_group", 3, values)
    again = join(client, group, version, instance_id="one")
    assert (again.error_code, again.generation_id) == (ErrorCode.none, 1)
    assert getattr(again, "skip_assignment", False) == (version >= 9)
    values = {**values, "member_id": again.member_id, "assignments": []}
    assert client.call("sync_group", 3, values).assignment == b"share"


@pytest.mark.parametrize("version", versions("sync_group"))
def test_sync_group(client: WireClient, group: str, version: int) -> None:
    answer = sync(client, group, join(client, group, 3), version)
    assert (answer.error_code, answer.assignment) == (ErrorCode.none, b"share")
    assert getattr(answer, "protocol_name", "range") == "range"


def test_sync_group_without_a_protocol_is_refused_where_it_must_be_said(client: WireClient, group: str) -> None:
    joined = join(client, group, NEWEST["join_group"])
    said = {"group_id": group, "generation_id": joined.generation_id, "member_id": joined.member_id}
    for protocol in ({}, {"protocol_type": "consumer"}, {"protocol_name": "range"}):
        answer = client.call("sync_group", 5, said | protocol)
        assert (answer.error_code, answer.assignment) == (ErrorCode.inconsistent_group_protocol, b"")
    assert client.call("sync_group", 4, said).error_code is ErrorCode.none


@pytest.mark.parametrize("version", versions("heartbeat"))
def test_heartbeat(client: WireClient, group: str, version: int) -> None:
    joined = stable(client, group)
    values = {"group_id": group, "generation_id": 1, "member_id": joined.member_id}
    assert client.call("heartbeat", version, values).error_code is ErrorCode.none
    late = client.call("heartbeat", version, {**values, "generation_id": 0})
    assert late.error_code is ErrorCode.illegal_generation


@pytest.mark.parametrize("version", versions("leave_group"))
def test_leave_group(client: WireClient, group: str, version: int) -> None:
    joined = stable(client, group)
    values = {"group_id": group, "member_id": joined.member_id, "members": [{"member_id": joined.member_id}]}
    first = client.call("leave_group", version, values)
    second = client.call("leave_group", version, values)
    codes = [
        [member.error_code for member in answer.members] if version >= 3 else [answer.error_code]
        for answer in (first, second)
    ]
    assert codes == [[ErrorCode.none], [ErrorCode.unknown_member_id]]


def commit(client: WireClient, group: str, topic: tuple[str, uuid.UUID], version: int, **changes: Any) -> ErrorCode:
    name, topic_id = topic
    partition = {
        "partition_index": 1,
        "committed_offset": 42,
        "committed_leader_epoch": 3,
        "committed_metadata": "note",
    }
    values = {
        "group_id": group,
        "generation_id_or_member_epoch": -1,
        "topics": [{"name": name, "topic_id": topic_id, "partitions": [{**partition, **changes}]}],
    }
    answer = client.call("offset_commit", version, values)
    code = answer.topics[0].partitions[0].error_code
    assert isinstance(code, ErrorCode)
    return code


def fetch(
    client: WireClient, group: str, version: int, topics: list[tuple[str, uuid.UUID]] | None
) -> list[tuple[int, int, str | None, ErrorCode]]:
    """(partition, offset, metadata, code) of partitions 0 and 1, or of all that were committed."""
    asked = None
    if topics is not None:
        asked = [{"name": name, "topic_id": topic_id, "partition_indexes": (0, 1)} for name, topic_id in topics]
    answer = client.call(
        "offset_fetch",
        version,
        {"group_id": group, "topics": asked, "groups": [{"group_id": group, "topics": asked}], "require_stable": True},
    )
    assert version < 8 or answer.groups[0].group_id == group
    found = answer.topics if version < 8 else answer.groups[0].topics
    return [
        (partition.partition_index, partition.committed_offset, partition.metadata, partition.error_code)
        for topic in found
        for partition in topic.partitions
    ]


@pytest.mark.parametrize("version", versions("offset_commit"))
def test_offset_commit(client: WireClient, group: str, topic: tuple[str, uuid.UUID], version: int) -> None:
    assert commit(client, group, topic, version) is ErrorCode.none
    assert fetch(client, group, NEWEST["offset_fetch"], [topic])[1] == (1, 42, "note", ErrorCode.none)


@pytest.mark.parametrize("version", versions("offset_commit"))
def test_offset_commit_refuses(client: WireClient, group: str, topic: tuple[str, uuid.UUID], version: int) -> None:
    unknown = ErrorCode.unknown_topic_id if version >= 10 else ErrorCode.unknown_topic_or_partition
    assert commit(client, group, ("no-such-topic", uuid.uuid4()), version) is unknown
    assert commit(client, group, topic, version, partition_index=2) is ErrorCode.unknown_topic_or_partition
    assert commit(client, group, topic, version, committed_metadata="x" * 4097) is ErrorCode.offset_metadata_too_large
    assert fetch(client, group, NEWEST["offset_fetch"], None) == []


def test_the_last_of_two_commits_counts_also_where_the_first_takes_longer(
    client: WireClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client need not wait for the answer to one before it sends the next, nor after a deletion."""
    monkeypatch.setattr("logpost_broker.turns.STEP_SECONDS", -1.0)
    name = f"api-{uuid.uuid4().hex}"
    create(client, name, num_partitions=20)

    def topics(partitions: int, **fields: int) -> list[dict[str, Any]]:
        return [{"name": name, "partitions": [{"partition_index": each, **fields} for each in range(partitions)]}]

    nobody = {"group_id": name, "generation_id_or_member_epoch": -1}
    for api, version, ahead in (
        ("offset_commit", 8, {**nobody, "topics": topics(20, committed_offset=1)}),
        ("offset_delete", 0, {"group_id": name, "topics": topics(20)}),
    ):
        client.send(api, version, ahead)
        client.send("offset_commit", 8, {**nobody, "topics": topics(1, committed_offset=2)})
        client.receive(), client.receive()
        asked = {"group_id": name, "topics": [{"name": name, "partition_indexes": [0]}]}
        found = client.call("offset_fetch", 5, asked)
        assert found.topics[0].partitions[0].committed_offset == 2, api


@pytest.mark.parametrize("version", versions("offset_fetch"))
def test_offset_fetch(client: WireClient, group: str, topic: tuple[str, uuid.UUID], version: int) -> None:
    commit(client, group, topic, NEWEST["offset_commit"])
    expected = [(0, -1, "", ErrorCode.none), (1, 42, "note", ErrorCode.none)]
    assert fetch(client, group, version, [topic]) == expected
    assert fetch(client, f"{group}-that-is-not-there", version, [topic])[1] == (1, -1, "", ErrorCode.none)
    if version >= 2:
        assert fetch(client, group, version, None) == expected[1:]


@pytest.mark.parametrize("version", versions("offset_fetch"))
def test_offset_fetch_of_no_topic(client: WireClient, group: str, version: int) -> None:
    code = ErrorCode.unknown_topic_id if version >= 10 else ErrorCode.none
    assert fetch(client, group, version, [("no-such-topic", uuid.uuid4())])[0] == (0, -1, "", code)


@pytest.mark.parametrize("version", versions("find_coordinator"))
@pytest.mark.parametrize("key_type", [0, 1])
def test_find_coordinator(client: WireClient, shared_broker: Broker, group: str, version: int, key_type: int) -> None:
    values = {"key": group, "key_type": key_type, "coordinator_keys": (group,)}
    answer = client.call("find_coordinator", version, values)
    found = answer if version < 4 else answer.coordinators[0]
    assert (found.error_code, found.port) == (ErrorCode.none, shared_broker.port)
    assert version < 4 or found.key == group


def test_find_coordinator_refuses_a_type_that_there_is_not(client: WireClient, group: str) -> None:
    answer = client.call("find_coordinator", 6, {"key_type": 3, "coordinator_keys": (group, "other")})
    assert [found.error_code for found in answer.coordinators] == [ErrorCode.invalid_request] * 2
    assert "share" in (answer.coordinators[0].error_message or "")


@pytest.mark.parametrize(
    ("key", "version", "code"),
    [
        ("group:AAAAAAAAAAAAAAAAAAAAAQ:0", 6, ErrorCode.none),
        ("group:AAAAAAAAAAAAAAAAAAAAAQ:0", 5, ErrorCode.invalid_request),
        ("group", 6, ErrorCode.invalid_request),
        ("group:AAAA:0", 6, ErrorCode.invalid_request),
        ("group:AAAAAAAAAAAAAAAAAAAAAQ:first", 6, ErrorCode.invalid_request),
        (":AAAAAAAAAAAAAAAAAAAAAQ:0", 6, ErrorCode.invalid_request),
    ],
)
def test_the_coordinator_of_a_share_partition(client: WireClient, key: str, version: int, code: ErrorCode) -> None:
    [found] = client.call("find_coordinator", version, {"key_type": 2, "coordinator_keys": (key,)}).coordinators
    assert (found.key, found.error_code) == (key, code)


@pytest.mark.parametrize("version", versions("describe_groups"))
def test_describe_groups(client: WireClient, group: str, version: int) -> None:
    joined = stable(client, group)
    values = {"groups": (group, "no-such-group"), "include_authorized_operations": True}
    described, missing = client.call("describe_groups", version, values).groups
    assert (described.group_state, described.protocol_type, described.protocol_data) == (
        "Stable",
        "consumer",
        "range",
    )
    (member,) = described.members
    assert (member.member_id, member.client_id, member.client_host) == (
        joined.member_id,
        "wire-client",
        "/127.0.0.1",
    )
    assert (member.member_metadata, member.member_assignment) == (b"subscription", b"share")
    assert missing.group_state == "Dead"
    assert missing.error_code is (ErrorCode.group_id_not_found if version >= 6 else ErrorCode.none)


def test_a_group_that_rebalances_is_described_with_what_its_members_had(
    client: WireClient, shared_broker: Broker, group: str
) -> None:
    stable(client, group)
    with WireClient(shared_broker.port) as second:
        pending = second.call("join_group", 9, joining(group))
        second.send("join_group", 9, joining(group, pending.member_id))
        described = client.call("describe_groups", 6, {"groups": (group,)}).groups[0]
        while described.group_state != "PreparingRebalance":
            described = client.call("describe_groups", 6, {"groups": (group,)}).groups[0]
        told = sorted((member.member_metadata, member.member_assignment) for member in described.members)
        assert (described.protocol_data, told) == ("", [(b"", b""), (b"", b"share")])


@pytest.mark.parametrize("version", versions("list_groups"))
def test_list_groups(client: WireClient, group: str, topic: tuple[str, uuid.UUID], version: int) -> None:
    stable(client, group)
    commit(client, f"{group}-empty", topic, NEWEST["offset_commit"])

    def listed(**filters: tuple[str, ...]) -> set[str]:
        found = client.call("list_groups", version, filters).groups
        return {each.group_id for each in found if each.group_id.startswith(group)}

    assert listed() == {group, f"{group}-empty"}
    if version >= 4:
        assert listed(states_filter=("stable",)) == {group}
    if version >= 5:
        assert listed(types_filter=("Classic",)) == {group, f"{group}-empty"}
        assert listed(types_filter=("consumer",)) == set()


@pytest.mark.parametrize("version", versions("delete_groups"))
def test_delete_groups(client: WireClient, group: str, topic: tuple[str, uuid.UUID], version: int) -> None:
    stable(client, group)
    commit(client, f"{group}-empty", topic, NEWEST["offset_commit"])
    names = (group, f"{group}-empty", f"{group}-missing", group)  # one that is named twice is answered once
    answer = client.call("delete_groups", version, {"groups_names": names})
    assert [result.error_code for result in answer.results] == [
        ErrorCode.non_empty_group,
        ErrorCode.none,
        ErrorCode.group_id_not_found,
    ]


def test_offset_delete(client: WireClient, group: str, topic: tuple[str, uuid.UUID]) -> None:
    commit(client, group, topic, NEWEST["offset_commit"])
    partitions = [{"partition_index": 1}, {"partition_index": 2}]
    values = {"group_id": group, "topics": [{"name": topic[0], "partitions": partitions}]}
    answer = client.call("offset_delete", 0, values)
    assert [partition.error_code for partition in answer.topics[0].partitions] == [
        ErrorCode.none,
        ErrorCode.unknown_topic_or_partition,
    ]
    assert fetch(client, group, NEWEST["offset_fetch"], None) == []
    missing = client.call("offset_delete", 0, {**values, "group_id": f"{group}-missing"})
    assert missing.error_code is ErrorCode.group_id_not_found


@pytest.mark.parametrize(
    ("api", "version"),
    [
        (api, version)
        for api in ("sync_group", "heartbeat", "leave_group", "offset_delete")
        for version in versions(api)
    ],
)
def test_a_group_without_a_name_is_no_group(client: WireClient, api: str, version: int) -> None:
    asked = {"group_id": "", "member_id": "m", "members": [{"member_id": "m"}], "generation_id": 1}
    asked |= {"protocol_type": "consumer", "protocol_name": "range"}
    assert client.call(api, version, asked).error_code is ErrorCode.invalid_group_id


def test_a_parked_join_of_a_closed_connection_is_cleared_away(shared_broker: Broker, group: str) -> None:
    with WireClient(shared_broker.port) as first, WireClient(shared_broker.port) as second:
        joined = stable(first, group)
        with WireClient(shared_broker.port) as gone:
            values = {
                "group_id": group,
                "session_timeout": datetime.timedelta(seconds=1),
                "rebalance_timeout": SESSION,
                "protocol_type": "consumer",
                "protocols": PROTOCOL,
            }
            gone.send("join_group", 3, values)
            state = ""
            while state != "PreparingRebalance":
                state = second.call("describe_groups", 6, {"groups": (group,)}).groups[0].group_state
        again = join(first, group, 9, joined.member_id)
        assert len(again.members) == 2
        sync(first, group, again, 5)
        members = 2
        while members == 2:
            members = len(second.call("describe_groups", 6, {"groups": (group,)}).groups[0].members)
        assert members == 1


@pytest.mark.parametrize(("version", "told"), [(4, 3400), (5, 3400), (6, -(2**31))])
def test_what_may_be_done_with_a_classic_group_that_is_not_there(client: WireClient, version: int, told: int) -> None:
    asked = {"groups": ("nobody",), "include_authorized_operations": True}
    assert client.call("describe_groups", version, asked).groups[0].authorized_operations == told


@pytest.mark.parametrize("kind", ["consumer", "share", "streams"])
def test_nothing_may_be_done_with_another_group_that_is_not_there(client: WireClient, kind: str) -> None:
    api = f"{kind}_group_describe"
    asked = {"group_ids": ("nobody", ""), "include_authorized_operations": True}
    for group in client.call(api, versions(api)[-1], asked).groups:
        assert group.authorized_operations == -(2**31)


def test_a_group_has_the_size_and_the_sessions_that_the_broker_allows() -> None:
    config = msgspec.structs.replace(EMBEDDED, group_max_size=1, group_min_session_timeout_ms=10_001)
    with Broker(config) as broker, WireClient(broker.port) as client:
        assert join(client, "g", 9).error_code is ErrorCode.invalid_session_timeout
    config = msgspec.structs.replace(config, group_min_session_timeout_ms=10_000)
    with Broker(config) as broker, WireClient(broker.port) as client, WireClient(broker.port) as other:
        assert join(client, "g", 9).error_code is ErrorCode.none
        assert join(other, "g", 9).error_code is ErrorCode.group_max_size_reached
