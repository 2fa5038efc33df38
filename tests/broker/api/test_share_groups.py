"""Share groups at the wire: sessions, acquisitions, acknowledgements, offsets, at each version."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from kio.schema.errors import ErrorCode

from logpost_broker import Broker
from logpost_broker.log.records import records_in
from logpost_broker.wire.units import duration
from tests.broker.api.conftest import NewTopic, create, produce_values
from tests.broker.wire_client import WireClient, versions

ACCEPT, RELEASE, REJECT = 1, 2, 3
FINAL = -1


@pytest.fixture
def group() -> str:
    return f"share-{uuid.uuid4().hex}"


@pytest.fixture
def topic(client: WireClient, new_topic: NewTopic) -> str:
    return new_topic()


class Member:
    """A member of a share group that knows its session's epoch."""

    def __init__(self, client: WireClient, group: str, topic: str, version: int = 2) -> None:
        self.client = client
        self.group = group
        self.topic = topic
        self.version = version
        self.id = str(uuid.uuid4())
        self.epoch = 0
        self.session_epoch = 0
        [described] = client.call("metadata", 12, {"topics": [{"name": topic}]}).topics
        self.topic_id = described.topic_id

    def heartbeat(self, **fields: Any) -> Any:
        values = {"group_id": self.group, "member_id": self.id, "member_epoch": self.epoch} | fields
        answer = self.client.call("share_group_heartbeat", 1, values)
        if answer.error_code is ErrorCode.none:
            self.epoch = answer.member_epoch
        return answer

    def join(self) -> Any:
        return self.heartbeat(member_epoch=0, subscribed_topic_names=(self.topic,))

    def _values(self, *batches: tuple[int, int, int], epoch: int | None) -> dict[str, Any]:
        acknowledged = [
            {"first_offset": first, "last_offset": last, "acknowledge_types": (kind,)} for first, last, kind in batches
        ]
        partition = {"partition_index": 0, "acknowledgement_batches": acknowledged}
        return {
            "group_id": self.group,
            "member_id": self.id,
            "share_session_epoch": self.session_epoch if epoch is None else epoch,
            "topics": [{"topic_id": self.topic_id, "partitions": [partition]}],
        }

    def fetch_whole(self, *batches: tuple[int, int, int], epoch: int | None = None, **fields: Any) -> Any:
        limits = {"min_bytes": 1, "max_bytes": 1 << 20, "max_records": 500, "batch_size": 500}
        values = self._values(*batches, epoch=epoch) | limits | fields
        answer = self.client.call("share_fetch", self.version, values)
        if answer.error_code is ErrorCode.none:
            self.session_epoch += 1
        return answer

    def fetch(self, *batches: tuple[int, int, int], **fields: Any) -> Any:
        """Returns the one partition."""
        answer = self.fetch_whole(*batches, **fields)
        assert answer.error_code is ErrorCode.none
        return answer.responses[0].partitions[0] if answer.responses else None

    def acquire(self, **fields: Any) -> list[tuple[int, int, int]]:
        found = self.fetch(**fields)
        return [] if found is None else acquired(found)

    def acknowledge(self, *batches: tuple[int, int, int], epoch: int | None = None) -> Any:
        answer = self.client.call("share_acknowledge", self.version, self._values(*batches, epoch=epoch))
        if answer.error_code is ErrorCode.none:
            self.session_epoch += 1
        return answer


def acquired(partition: Any) -> list[tuple[int, int, int]]:
    return [(run.first_offset, run.last_offset, run.delivery_count) for run in partition.acquired_records]


def code_of(answer: Any) -> ErrorCode:
    """Of a ShareAcknowledge's one partition."""
    assert answer.error_code is ErrorCode.none
    found = answer.responses[0].partitions[0].error_code
    assert isinstance(found, ErrorCode)
    return found


@pytest.fixture(params=versions("share_fetch"))
def member(client: WireClient, group: str, topic: str, request: pytest.FixtureRequest) -> Member:
    """In the group, with a share session that has begun at the end of the empty topic."""
    made = Member(client, group, topic, request.param)
    made.join()
    assert made.acquire() == []
    return made


@pytest.fixture
def other(shared_broker: Broker, group: str, topic: str, member: Member) -> Iterator[Member]:
    with WireClient(shared_broker.port) as client:
        made = Member(client, group, topic, member.version)
        made.join()
        yield made


def test_a_record_is_acquired_by_one_and_acknowledged(
    client: WireClient, topic: str, member: Member, other: Member
) -> None:
    produce_values(client, topic, b"a", b"b")
    found = member.fetch()
    assert [record.value for record in records_in(found.records)] == [b"a", b"b"]
    assert acquired(found) == [(0, 1, 1)]
    assert other.acquire() == []
    assert code_of(member.acknowledge((0, 0, ACCEPT), (1, 1, RELEASE))) is ErrorCode.none
    assert other.acquire() == [(1, 1, 2)]
    assert code_of(other.acknowledge((1, 1, REJECT))) is ErrorCode.none
    assert member.acquire() == []


def test_a_fetch_waits_for_records(client: WireClient, topic: str, member: Member, other: Member) -> None:
    other.client.send("share_fetch", 2, other._values(epoch=0) | waiting(10_000))
    produce_values(client, topic, b"a")
    answer = other.client.receive()
    assert acquired(answer.responses[0].partitions[0]) == [(0, 0, 1)]


def test_a_fetch_waits_for_what_another_releases(client: WireClient, topic: str, member: Member, other: Member) -> None:
    produce_values(client, topic, b"a")
    assert member.acquire() == [(0, 0, 1)]
    other.client.send("share_fetch", 2, other._values(epoch=0) | waiting(10_000))
    member.acknowledge((0, 0, RELEASE))
    answer = other.client.receive()
    assert acquired(answer.responses[0].partitions[0]) == [(0, 0, 2)]


def test_nothing_is_acquired_for_who_is_gone(client: WireClient, topic: str, member: Member, other: Member) -> None:
    other.client.send("share_fetch", 2, other._values(epoch=0) | waiting(10_000))
    other.client.close()
    produce_values(client, topic, b"a")
    assert member.acquire() == [(0, 0, 1)]


def test_what_a_member_had_is_free_when_its_connection_is_lost(
    client: WireClient, topic: str, member: Member, other: Member
) -> None:
    produce_values(client, topic, b"a")
    assert other.acquire() == [(0, 0, 1)]
    other.client.close()
    assert acquired(member.fetch(**waiting(60_000))) == [(0, 0, 2)]


def test_a_session_outlives_the_connection_that_it_was_not_opened_by(
    client: WireClient, topic: str, member: Member, shared_broker: Broker
) -> None:
    produce_values(client, topic, b"a")
    with WireClient(shared_broker.port) as second:
        member.client, member.session_epoch = second, 0
        assert member.acquire() == [(0, 0, 1)]
        with WireClient(shared_broker.port) as third:
            member.client, member.session_epoch = third, 0
            assert member.acquire() == [(0, 0, 2)], "a session that begins again ends the one before"
            second.close()
            client.call("api_versions", 0, {})
            assert code_of(member.acknowledge((0, 0, ACCEPT))) is ErrorCode.none


def waiting(wait_ms: int) -> dict[str, Any]:
    return {"min_bytes": 1, "max_bytes": 1 << 20, "max_records": 500, "max_wait": duration(wait_ms)}


def test_acknowledgements_ride_on_a_fetch(client: WireClient, topic: str, member: Member) -> None:
    produce_values(client, topic, b"a", b"b")
    assert member.acquire() == [(0, 1, 1)]
    produce_values(client, topic, b"c")
    found = member.fetch((0, 1, ACCEPT))
    assert found.acknowledge_error_code == 0
    assert acquired(found) == [(2, 2, 1)]
    refused = member.fetch((0, 2, ACCEPT), (3, 3, ACCEPT))
    assert refused.acknowledge_error_code == ErrorCode.invalid_request


def test_another_members_record_cannot_be_acknowledged(
    client: WireClient, topic: str, member: Member, other: Member
) -> None:
    other.acquire()
    produce_values(client, topic, b"a")
    assert member.acquire() == [(0, 0, 1)]
    assert code_of(other.acknowledge((0, 0, ACCEPT))) is ErrorCode.invalid_record_state


def test_a_session_that_ends_frees_what_it_had(client: WireClient, topic: str, member: Member, other: Member) -> None:
    produce_values(client, topic, b"a", b"b")
    assert member.acquire() == [(0, 1, 1)]
    assert code_of(member.acknowledge((0, 0, ACCEPT), epoch=FINAL)) is ErrorCode.none
    assert other.acquire() == [(1, 1, 2)]
    assert member.acknowledge((1, 1, ACCEPT)).error_code is ErrorCode.share_session_not_found
    assert member.fetch_whole().error_code is ErrorCode.share_session_not_found


def test_requests_of_a_session_have_their_order(client: WireClient, topic: str, member: Member) -> None:
    assert member.fetch_whole(epoch=7).error_code is ErrorCode.invalid_share_session_epoch
    assert member.acknowledge((0, 0, ACCEPT), epoch=7).error_code is ErrorCode.invalid_share_session_epoch
    assert member.acknowledge((0, 0, ACCEPT), epoch=0).error_code is ErrorCode.invalid_share_session_epoch
    assert member.fetch_whole((0, 0, ACCEPT), epoch=0).error_code is ErrorCode.invalid_request


def test_the_limit_of_records_is_strict_where_it_is_asked_for(client: WireClient, topic: str, member: Member) -> None:
    produce_values(client, topic, b"a", b"b", b"c")
    if member.version == 1:
        assert member.acquire(max_records=2) == [(0, 2, 1)]
        return
    assert member.acquire(max_records=2, share_acquire_mode=1) == [(0, 1, 1)]
    assert member.acquire(max_records=2, share_acquire_mode=1) == [(2, 2, 1)]


def test_a_partition_that_is_not_there(client: WireClient, topic: str, member: Member) -> None:
    wrong = [{"topic_id": uuid.uuid4(), "partitions": [{"partition_index": 0}]}]
    answer = member.fetch_whole(topics=wrong)
    assert answer.responses[0].partitions[0].error_code is ErrorCode.unknown_topic_id


def test_members_share_a_partition(client: WireClient, group: str, topic: str, member: Member, other: Member) -> None:
    [described] = client.call("share_group_describe", 1, {"group_ids": (group,)}).groups
    assert (described.error_code, described.group_state, described.assignor_name) == (
        ErrorCode.none,
        "Stable",
        "simple",
    )
    assert {found.member_id for found in described.members} == {member.id, other.id}
    for found in described.members:
        [assigned] = found.assignment.topic_partitions
        assert (assigned.topic_name, assigned.partitions) == (topic, (0,))


def test_a_member_learns_its_assignment_once(client: WireClient, group: str, topic: str) -> None:
    made = Member(client, group, topic)
    answer = made.join()
    [assigned] = answer.assignment.topic_partitions
    assert (assigned.topic_id, assigned.partitions) == (made.topic_id, (0,))
    assert made.heartbeat().assignment is None
    assert made.heartbeat(member_epoch=99).error_code is ErrorCode.fenced_member_epoch
    assert made.heartbeat(member_id="nobody").error_code is ErrorCode.unknown_member_id
    assert made.heartbeat(member_epoch=0).error_code is ErrorCode.invalid_request
    assert made.heartbeat(member_epoch=-1).error_code is ErrorCode.none
    assert made.heartbeat(member_epoch=5).error_code is ErrorCode.unknown_member_id


def test_a_topic_that_comes_later_is_assigned(client: WireClient, group: str, topic: str) -> None:
    made = Member(client, group, topic)
    later = f"later-{uuid.uuid4().hex}"
    made.heartbeat(subscribed_topic_names=(topic, later))
    create(client, later, num_partitions=2)
    assert len(made.heartbeat().assignment.topic_partitions) == 2


def offsets(client: WireClient, group: str, version: int, **fields: Any) -> Any:
    values = {"groups": [{"group_id": group, "topics": None} | fields]}
    return client.call("describe_share_group_offsets", version, values).groups[0]


@pytest.mark.parametrize("version", versions("describe_share_group_offsets"))
def test_where_a_group_is(client: WireClient, group: str, topic: str, version: int) -> None:
    made = Member(client, group, topic)
    made.join()
    made.acquire()
    produce_values(client, topic, *[b"x"] * 10)
    made.acquire()
    made.acknowledge((0, 2, ACCEPT), (5, 6, ACCEPT))
    [found] = offsets(client, group, version).topics
    [partition] = found.partitions
    assert (found.topic_name, partition.start_offset) == (topic, 3)
    assert version == 0 or partition.lag == 5
    [asked] = offsets(client, group, version, topics=[{"topic_name": topic, "partitions": (0, 1)}]).topics
    assert [place.error_code for place in asked.partitions] == [ErrorCode.none, ErrorCode.unknown_topic_or_partition]
    assert offsets(client, "nobody", version).error_code is ErrorCode.group_id_not_found


def test_an_empty_group_begins_again_where_it_is_told(client: WireClient, group: str, topic: str) -> None:
    made = Member(client, group, topic)
    made.join()
    made.acquire()
    produce_values(client, topic, b"a", b"b", b"c")
    made.acquire()
    partitions = [{"partition_index": 0, "start_offset": 1}, {"partition_index": 5, "start_offset": 1}]
    change = {"group_id": group, "topics": [{"topic_name": topic, "partitions": partitions}]}
    assert client.call("alter_share_group_offsets", 0, change).error_code is ErrorCode.non_empty_group
    made.acknowledge((0, 2, ACCEPT), epoch=FINAL)
    made.heartbeat(member_epoch=-1)
    answer = client.call("alter_share_group_offsets", 0, change).responses[0]
    assert [place.error_code for place in answer.partitions] == [ErrorCode.none, ErrorCode.unknown_topic_or_partition]
    again = Member(client, group, topic)
    assert again.acquire(max_records=500) == [(1, 2, 1)]


def test_a_group_that_is_not_there_is_made_where_it_should_begin(client: WireClient, group: str, topic: str) -> None:
    def alter(group_id: str, topic_name: str) -> tuple[ErrorCode, list[ErrorCode]]:
        topics = [{"topic_name": topic_name, "partitions": [{"partition_index": 0, "start_offset": 1}]}]
        answer = client.call("alter_share_group_offsets", 0, {"group_id": group_id, "topics": topics})
        return answer.error_code, [place.error_code for of in answer.responses for place in of.partitions]

    produce_values(client, topic, b"a", b"b")
    assert alter("", topic) == (ErrorCode.invalid_group_id, [])
    assert alter(group, "nothing") == (ErrorCode.none, [ErrorCode.unknown_topic_or_partition])
    assert kinds(client, group) == []
    assert alter(group, topic) == (ErrorCode.none, [ErrorCode.none])
    assert kinds(client, group) == ["share"]
    member = Member(client, group, topic)
    member.join()
    assert member.acquire() == [(1, 1, 1)]


def kinds(client: WireClient, group: str) -> list[str]:
    return [found.group_type for found in client.call("list_groups", 5, {}).groups if found.group_id == group]


def commit(client: WireClient, group: str, topic: str) -> ErrorCode:
    partition = {"partition_index": 0, "committed_offset": 1, "committed_leader_epoch": -1}
    topics = [{"name": topic, "partitions": [partition]}]
    answer = client.call("offset_commit", 8, {"group_id": group, "generation_id_or_member_epoch": -1, "topics": topics})
    return ErrorCode(answer.topics[0].partitions[0].error_code)


def test_an_id_is_that_of_one_group(client: WireClient, group: str, topic: str) -> None:
    """A share fetch makes no group, least of all one of somebody else's id."""
    assert commit(client, group, topic) is ErrorCode.none
    stranger = Member(client, group, topic)
    assert stranger.fetch().error_code is ErrorCode.unknown_server_error
    assert kinds(client, group) == ["classic"]
    shared = Member(client, f"{group}-shared", topic)
    shared.join()
    assert commit(client, f"{group}-shared", topic) is ErrorCode.group_id_not_found
    assert kinds(client, f"{group}-shared") == ["share"]


def test_a_group_that_is_deleted_stays_so(client: WireClient, group: str, topic: str) -> None:
    """Although somebody still has a session with it."""
    made = Member(client, group, topic)
    made.join()
    made.acquire()
    made.heartbeat(member_epoch=-1)
    assert client.call("delete_groups", 2, {"groups_names": (group,)}).results[0].error_code is ErrorCode.none
    produce_values(client, topic, b"a")
    assert made.fetch().error_code is ErrorCode.unknown_server_error
    assert kinds(client, group) == []


def test_nothing_is_acknowledged_that_was_not_acquired(client: WireClient, group: str, topic: str) -> None:
    made = Member(client, group, topic)
    made.join()
    made.fetch(topics=())
    assert code_of(made.acknowledge((0, 0, ACCEPT))) is ErrorCode.unknown_topic_or_partition


def test_offsets_and_groups_are_deleted(client: WireClient, group: str, topic: str) -> None:
    made = Member(client, group, topic)
    made.join()
    made.acquire()
    request = {"group_id": group, "topics": [{"topic_name": topic}, {"topic_name": "nothing"}]}
    assert client.call("delete_share_group_offsets", 0, request).error_code is ErrorCode.non_empty_group
    assert (
        client.call("delete_groups", 2, {"groups_names": (group,)}).results[0].error_code is ErrorCode.non_empty_group
    )
    made.heartbeat(member_epoch=-1)
    answer = client.call("delete_share_group_offsets", 0, request)
    assert [of.error_code for of in answer.responses] == [ErrorCode.none, ErrorCode.unknown_topic_or_partition]
    assert offsets(client, group, 1).topics == ()
    assert client.call("delete_groups", 2, {"groups_names": (group,)}).results[0].error_code is ErrorCode.none
    assert client.call("delete_share_group_offsets", 0, request).error_code is ErrorCode.group_id_not_found


def test_a_share_group_is_listed_and_deleted(client: WireClient, group: str, topic: str) -> None:
    made = Member(client, group, topic)
    made.join()
    made.acquire()
    made.heartbeat(member_epoch=-1)
    asked = {"types_filter": ("share",), "states_filter": ("Empty",)}
    [listed] = [found for found in client.call("list_groups", 5, asked).groups if found.group_id == group]
    assert (listed.group_type, listed.group_state, listed.protocol_type) == ("share", "Empty", "share")
    assert client.call("delete_groups", 2, {"groups_names": (group,)}).results[0].error_code is ErrorCode.none
    [gone] = client.call("share_group_describe", 1, {"group_ids": (group,)}).groups
    assert gone.error_code is ErrorCode.group_id_not_found


def test_a_group_of_another_kind_is_no_share_group(client: WireClient, group: str, topic: str) -> None:
    Member(client, group, topic).join()
    join = {"group_id": group, "session_timeout": session(), "protocol_type": "consumer"}
    protocols = [{"name": "range", "metadata": b""}]
    answer = client.call("join_group", 3, join | {"rebalance_timeout": session(), "protocols": protocols})
    assert answer.error_code is ErrorCode.inconsistent_group_protocol


def session() -> Any:
    return duration(10_000)


def test_what_a_group_had_of_a_topic_goes_with_it(client: WireClient, group: str, topic: str) -> None:
    made = Member(client, group, topic)
    made.join()
    made.acquire()
    client.call("delete_topics", 6, {"topics": [{"name": topic}]})
    assert offsets(client, group, 1).topics == ()
