"""Committed offsets: who may commit, what is refused, what is forgotten."""

import pytest
from kio.schema.errors import ErrorCode

from logpost_broker.groups.classic.states import GroupState
from logpost_broker.groups.offsets.messages import Delete, DeleteReply
from tests.broker.groups.harness import GROUP, Call, GroupHarness, answer


def test_a_consumer_without_a_group_protocol_commits() -> None:
    h = GroupHarness()
    assert h.commit(None, 42) is ErrorCode.none
    assert (h.committed(), h.state) == (42, GroupState.EMPTY)


def test_a_member_commits_in_its_generation_only() -> None:
    h = GroupHarness()
    h.stable("a")
    assert h.commit("a", 1) is ErrorCode.none
    assert h.commit("a", 2, generation=0) is ErrorCode.illegal_generation
    assert h.commit(None, 3) is ErrorCode.unknown_member_id
    assert h.committed() == 1


def test_a_member_commits_while_others_are_called_back() -> None:
    h = GroupHarness()
    h.stable("a")
    h.join("b")
    assert h.commit("a", 1) is ErrorCode.none


def test_nobody_commits_between_join_and_sync() -> None:
    h = GroupHarness()
    h.join("a")
    assert h.commit("a", 1) is ErrorCode.rebalance_in_progress


def test_a_generation_of_no_group_is_refused() -> None:
    assert GroupHarness().commit(None, 1, generation=3) is ErrorCode.illegal_generation


def test_a_member_that_was_thrown_out_cannot_commit() -> None:
    h = GroupHarness()
    h.stable("a")
    h.leave_as("a")
    assert h.commit("a", 5) is ErrorCode.unknown_member_id


def test_metadata_is_bounded() -> None:
    h = GroupHarness()
    assert h.commit(None, 1, metadata="ä" * 2_048) is ErrorCode.none
    assert h.commit(None, 2, metadata="ä" * 2_048 + "x") is ErrorCode.offset_metadata_too_large
    assert h.committed() == 1


def test_a_commit_is_a_sign_of_life() -> None:
    h = GroupHarness()
    h.stable("a")
    for offset in range(3):
        h.sleep(9_999)
        assert h.commit("a", offset) is ErrorCode.none


@pytest.mark.parametrize("crash", [False, True])
def test_offsets_go_with_their_topic(crash: bool) -> None:
    h = GroupHarness()
    h.commit(None, 1, topic="logs")
    h.commit(None, 2, topic="other")
    h.forget_topic("logs")
    if crash:
        h.crash_and_replay()
    assert (h.committed("logs"), h.committed("other")) == (None, 2)


@pytest.mark.parametrize("crash", [False, True])
def test_an_empty_group_is_deleted_with_its_offsets(crash: bool) -> None:
    h = GroupHarness()
    h.stable("a")
    h.commit("a", 1)
    assert delete(h) is ErrorCode.non_empty_group
    h.leave_as("a")
    assert delete(h) is ErrorCode.none
    if crash:
        h.crash_and_replay()
    assert (h.core.table.ids(), h.committed()) == (set(), None)
    assert delete(h) is ErrorCode.group_id_not_found


def delete(h: GroupHarness) -> ErrorCode:
    call = Call("admin")
    h.carry_out(h.core.delete_group(GROUP, call, h.now_ms))
    return answer(call, DeleteReply).code


def test_offsets_of_a_subscribed_topic_are_not_deleted() -> None:
    h = GroupHarness()
    h.stable("a")
    h.commit("a", 1, topic="logs")
    h.commit("a", 2, topic="other")
    call = Call("admin")
    h.carry_out(h.core.offsets.delete(Delete(group_id=GROUP, partitions=[("logs", 0), ("other", 0)]), call, h.now_ms))
    assert answer(call, DeleteReply).codes == {
        ("logs", 0): ErrorCode.group_subscribed_to_topic,
        ("other", 0): ErrorCode.none,
    }
    assert (h.committed("logs"), h.committed("other")) == (1, None)


def test_offsets_of_no_group_are_not_deleted() -> None:
    h = GroupHarness()
    call = Call("admin")
    h.carry_out(h.core.offsets.delete(Delete(group_id="nobody", partitions=[("logs", 0)]), call, h.now_ms))
    assert answer(call, DeleteReply).code is ErrorCode.group_id_not_found
