"""Members of share groups: who is in, until when, and who fetches from where."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kio.schema.errors import ErrorCode

from logpost_broker.groups.kinds import GroupKind
from logpost_broker.groups.share.assignor import assign
from logpost_broker.groups.share.group import ShareGroupState
from tests.broker.groups.share.harness import GROUP, JOBS, MAILS, SESSION_MS, ShareHarness


def test_more_members_than_partitions_share_them() -> None:
    h = ShareHarness()
    told = [h.beat(member, 0, "mails") for member in "abc"]
    assert [reply.assignment for reply in told] == [{MAILS: (0,)}] * 3
    assert h.beat("d", 0, "mails").code is ErrorCode.group_max_size_reached


def test_who_joins_takes_a_part_and_the_others_learn_it_at_their_next_heartbeat() -> None:
    h = ShareHarness()
    first = h.beat("a", 0, "jobs")
    assert first.assignment == {JOBS: (0, 1)}
    assert h.beat("b", 0, "jobs").assignment == {JOBS: (1,)}
    told = h.beat("a", first.member_epoch)
    assert (told.assignment, told.member_epoch) == ({JOBS: (0,)}, first.member_epoch + 1)
    assert h.beat("a", told.member_epoch).assignment is None


def test_who_leaves_gives_the_others_its_part() -> None:
    h = ShareHarness()
    h.beat("a", 0, "jobs")
    second = h.beat("b", 0, "jobs")
    assert h.leave("a").member_epoch == -1
    assert h.leave("a").code is ErrorCode.unknown_member_id
    assert h.beat("b", second.member_epoch).assignment == {JOBS: (0, 1)}
    h.leave("b")
    assert h.group.state is ShareGroupState.EMPTY
    assert not h.timers


def test_an_answer_that_was_lost_is_given_again() -> None:
    h = ShareHarness()
    first = h.beat("a", 0, "jobs")
    h.beat("b", 0, "jobs")
    for _ in range(2):
        assert h.beat("a", first.member_epoch).assignment == {JOBS: (0,)}


def test_who_joins_again_keeps_its_place() -> None:
    h = ShareHarness()
    first = h.beat("a", 0, "jobs")
    assert h.beat("a", 0, "jobs") == first


def test_an_epoch_that_nobody_was_given_is_fenced() -> None:
    h = ShareHarness()
    assert h.beat("a", 1).code is ErrorCode.group_id_not_found
    h.beat("a", 0, "jobs")
    assert h.beat("a", 99).code is ErrorCode.fenced_member_epoch
    assert h.beat("b", 1).code is ErrorCode.unknown_member_id


@pytest.mark.parametrize(
    ("group_id", "member", "epoch", "topics"),
    [
        (GROUP, "b", 0, ()),
        (GROUP, "", 0, ("jobs",)),
        ("", "b", 0, ("jobs",)),
        (GROUP, "a", -2, ()),
        (GROUP, "b" * 32_768, 0, ("jobs",)),
        (GROUP, "b", 0, ("jobs", "j" * 32_768)),
    ],
)
def test_a_request_that_is_wrong_changes_nothing(
    group_id: str, member: str, epoch: int, topics: tuple[str, ...]
) -> None:
    h = ShareHarness()
    h.beat("a", 0, "jobs")
    before = dict(h.journal)
    assert h.beat(member, epoch, *topics, group_id=group_id).code is ErrorCode.invalid_request
    assert h.journal == before


def test_a_member_that_is_silent_is_out() -> None:
    h = ShareHarness()
    first = h.beat("a", 0, "jobs")
    h.sleep(SESSION_MS - 40)
    h.beat("b", 0, "jobs")
    h.sleep(39)
    assert set(h.group.members) == {"a", "b"}
    h.sleep(1)
    assert set(h.group.members) == {"b"}
    assert h.beat("a", first.member_epoch).code is ErrorCode.unknown_member_id


def test_partitions_that_are_added_are_assigned() -> None:
    h = ShareHarness()
    first = h.beat("a", 0, "jobs")
    h.set_topic("jobs", JOBS, 4)
    assert h.beat("a", first.member_epoch).assignment == {JOBS: (0, 1, 2, 3)}


def test_topics_may_come_and_go() -> None:
    h = ShareHarness()
    first = h.beat("a", 0, "later", "mails")
    assert first.assignment == {MAILS: (0,)}
    h.set_topic("later", JOBS, 1)
    second = h.beat("a", first.member_epoch)
    assert second.assignment == {MAILS: (0,), JOBS: (0,)}
    h.set_topic("mails", MAILS, 0)
    assert h.beat("a", second.member_epoch).assignment == {JOBS: (0,)}


def test_a_member_that_subscribes_otherwise_is_assigned_again() -> None:
    h = ShareHarness()
    first = h.beat("a", 0, "jobs")
    second = h.beat("a", first.member_epoch, "mails")
    assert (second.assignment, second.member_epoch) == ({MAILS: (0,)}, first.member_epoch + 1)


def test_members_outlive_the_broker() -> None:
    h = ShareHarness()
    first = h.beat("a", 0, "jobs")
    second = h.beat("b", 0, "jobs")
    h.crash_and_replay()
    assert h.beat("b", second.member_epoch).assignment is None
    assert h.beat("a", first.member_epoch).assignment == {JOBS: (0,)}
    h.sleep(SESSION_MS - 1)
    assert set(h.group.members) == {"a", "b"}
    h.sleep(1)
    assert h.group.state is ShareGroupState.EMPTY


def test_a_group_without_members_is_one_until_it_is_deleted() -> None:
    h = ShareHarness()
    h.beat("a", 0, "jobs")
    assert h.delete().code is ErrorCode.non_empty_group
    h.leave("a")
    h.crash_and_replay()
    assert h.core.kinds.of(GROUP) is GroupKind.SHARE
    assert h.delete().code is ErrorCode.none
    assert h.core.kinds.of(GROUP) is None
    assert set(h.journal.values()) == {None}, "nothing of it is left in the journal"


def test_what_cannot_be_journaled_did_not_happen() -> None:
    h = ShareHarness()
    first = h.beat("a", 0, "jobs")
    h.is_disk_gone = True
    h.beat("b", 0, "jobs")
    h.is_disk_gone = False
    assert set(h.group.members) == {"a"}
    assert h.beat("a", first.member_epoch).assignment is None


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
        given_out = [number for member in members for number in assigned[member].get(topic, ())]
        assert set(given_out) == (set(range(count)) if members else set())
        loads = [len(assigned[member].get(topic, ())) for member in members]
        assert not loads or (min(loads) >= 1 and max(loads) - min(loads) <= 1)
    for member, of in assigned.items():
        assert set(of) <= subscriptions[member]
