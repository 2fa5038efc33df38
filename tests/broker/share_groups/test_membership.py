"""Members of share groups: who is in, until when, and who fetches from where."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError
from logpost_broker.share_groups.assignor import assign
from logpost_broker.share_groups.limits import ShareLimits
from logpost_broker.share_groups.membership import (
    ShareGroupState,
    ShareHeartbeat,
    ShareHeartbeatReply,
    ShareMembership,
    Topics,
)

LIMITS = ShareLimits(session_timeout_ms=100, max_members=3)
JOBS, MAILS = uuid.UUID(int=1), uuid.UUID(int=2)
TOPICS: Topics = {"jobs": (JOBS, 2), "mails": (MAILS, 1)}


class Group:
    def __init__(self) -> None:
        self.core = ShareMembership(lambda _: LIMITS)
        self.topics = TOPICS
        self.now_ms = 0

    def beat(self, member: str, epoch: int, *topics: str) -> ShareHeartbeatReply:
        request = ShareHeartbeat(
            group_id="g",
            member_id=member,
            member_epoch=epoch,
            rack_id=None,
            client_id="c",
            client_host="/127.0.0.1",
            subscribed_topics=topics or None,
        )
        return self.core.heartbeat(request, self.topics, self.now_ms)

    def refused(self, member: str, epoch: int, *topics: str) -> ErrorCode:
        with pytest.raises(ApiError) as raised:
            self.beat(member, epoch, *topics)
        return raised.value.code


def test_more_members_than_partitions_share_them() -> None:
    group = Group()
    told = [group.beat(member, 0, "mails") for member in "abc"]
    assert [reply.assignment for reply in told] == [{MAILS: [0]}] * 3
    assert group.refused("d", 0, "mails") is ErrorCode.group_max_size_reached


def test_who_joins_takes_a_part_and_the_others_learn_it_at_their_next_heartbeat() -> None:
    group = Group()
    first = group.beat("a", 0, "jobs")
    assert first.assignment == {JOBS: [0, 1]}
    assert group.beat("b", 0, "jobs").assignment == {JOBS: [1]}
    told = group.beat("a", first.member_epoch)
    assert (told.assignment, told.member_epoch) == ({JOBS: [0]}, first.member_epoch + 1)
    assert group.beat("a", told.member_epoch).assignment is None


def test_an_answer_that_was_lost_is_given_again() -> None:
    group = Group()
    first = group.beat("a", 0, "jobs")
    group.beat("b", 0, "jobs")
    for _ in range(2):
        assert group.beat("a", first.member_epoch).assignment == {JOBS: [0]}


def test_an_epoch_that_nobody_was_given_is_fenced() -> None:
    group = Group()
    group.beat("a", 0, "jobs")
    assert group.refused("a", 99) is ErrorCode.fenced_member_epoch
    assert group.refused("b", 1) is ErrorCode.unknown_member_id
    assert group.refused("b", 0) is ErrorCode.invalid_request
    assert group.refused("", 0, "jobs") is ErrorCode.invalid_request


def test_a_member_that_is_silent_is_out() -> None:
    group = Group()
    first = group.beat("a", 0, "jobs")
    group.now_ms = 60
    group.beat("b", 0, "jobs")
    assert group.core.expire(TOPICS, 99) == []
    assert group.core.expire(TOPICS, 100) == [("g", "a")]
    assert group.refused("a", first.member_epoch) is ErrorCode.unknown_member_id
    group.beat("b", -1)
    assert group.core.groups["g"].state is ShareGroupState.EMPTY


def test_partitions_that_are_added_are_assigned() -> None:
    group = Group()
    first = group.beat("a", 0, "jobs")
    group.topics = {"jobs": (JOBS, 4)}
    assert group.beat("a", first.member_epoch).assignment == {JOBS: [0, 1, 2, 3]}


@given(
    st.dictionaries(st.text("abcdef", min_size=1), st.sets(st.sampled_from([JOBS, MAILS]), min_size=1), min_size=1),
    st.dictionaries(st.sampled_from([JOBS, MAILS]), st.integers(1, 9), min_size=1),
)
def test_every_partition_has_a_member_and_every_member_a_partition(
    subscriptions: dict[str, set[uuid.UUID]], partitions: dict[uuid.UUID, int]
) -> None:
    assigned = assign(subscriptions, partitions)
    for topic, count in partitions.items():
        members = {member for member, topics in subscriptions.items() if topic in topics}
        given_out = [number for member in members for number in assigned[member].get(topic, [])]
        assert set(given_out) == (set(range(count)) if members else set())
        loads = [len(assigned[member].get(topic, [])) for member in members]
        assert not loads or (min(loads) >= 1 and max(loads) - min(loads) <= 1)
    for member, of in assigned.items():
        assert set(of) <= subscriptions[member]
