"""SyncGroup, Heartbeat, LeaveGroup, and the timers of members."""

from kio.schema.errors import ErrorCode

from logpost_broker.groups.classic.messages import LeavingMember
from logpost_broker.groups.classic.states import GroupState
from tests.broker.groups.harness import REBALANCE_MS, SESSION_MS, GroupHarness, joined, subscription, synced


def test_the_leaders_sync_answers_all() -> None:
    h = GroupHarness()
    h.join("a")
    h.join("b")
    h.join("a")
    follower = h.sync("b")
    assert follower.reply is None
    leader = h.sync("a", {"a": b"1", "b": b"2"})
    assert (synced(leader).assignment, synced(follower).assignment) == (b"1", b"2")
    assert h.state is GroupState.STABLE


def test_a_member_that_the_leader_forgot_has_nothing() -> None:
    h = GroupHarness()
    h.join("a")
    h.join("b")
    h.join("a")
    h.sync("a", {"a": b"1"})
    assert synced(h.sync("b")).assignment == b""


def test_a_sync_of_another_generation_is_refused() -> None:
    h = GroupHarness()
    h.stable("a")
    assert synced(h.sync("a", generation=7)).code is ErrorCode.illegal_generation


def test_a_sync_that_believes_in_another_protocol_is_refused() -> None:
    h = GroupHarness()
    h.stable("a")
    assert synced(h.sync("a", protocol="sticky")).code is ErrorCode.inconsistent_group_protocol
    assert synced(h.sync("a", protocol_type="connect")).code is ErrorCode.inconsistent_group_protocol
    assert synced(h.sync("a", protocol_type="consumer", protocol="range")).code is ErrorCode.none


def test_a_sync_in_a_rebalance_sends_the_member_back_to_join() -> None:
    h = GroupHarness()
    h.stable("a")
    h.join("b")
    assert synced(h.sync("a")).code is ErrorCode.rebalance_in_progress


def test_a_newcomer_sends_parked_syncs_back_to_join() -> None:
    h = GroupHarness()
    h.join("a")
    h.join("b")
    h.join("a")
    parked = h.sync("b")
    h.join("c")
    assert synced(parked).code is ErrorCode.rebalance_in_progress
    assert h.state is GroupState.PREPARING_REBALANCE


def test_a_sync_that_is_sent_again_replaces_the_first() -> None:
    h = GroupHarness()
    h.join("a")
    h.join("b")
    h.join("a")
    first, second = h.sync("b"), h.sync("b")
    assert synced(first).code is ErrorCode.rebalance_in_progress
    h.sync("a", {"b": b"2"})
    assert synced(second).assignment == b"2"


def test_heartbeats_keep_a_member() -> None:
    h = GroupHarness()
    h.stable("a")
    for _ in range(5):
        h.sleep(SESSION_MS - 1)
        assert h.heartbeat("a") is ErrorCode.none
    h.sleep(SESSION_MS)
    assert h.heartbeat("a") is ErrorCode.unknown_member_id
    assert h.state is GroupState.EMPTY


def test_a_heartbeat_of_another_generation_is_refused() -> None:
    h = GroupHarness()
    h.stable("a")
    assert h.heartbeat("a", generation=0) is ErrorCode.illegal_generation


def test_a_heartbeat_before_the_sync_is_welcome() -> None:
    h = GroupHarness()
    h.join("a")
    assert h.heartbeat("a") is ErrorCode.none


def test_a_heartbeat_to_no_group_is_refused() -> None:
    h = GroupHarness()
    h.ids["a"] = "a-1"
    assert h.heartbeat("a", generation=1) is ErrorCode.unknown_member_id


def test_a_dead_member_gives_its_share_to_the_others() -> None:
    h = GroupHarness()
    h.stable("a", "b")
    for _ in range(2):
        h.sleep(SESSION_MS // 2)
        h.heartbeat("a")
    assert h.heartbeat("a") is ErrorCode.rebalance_in_progress
    assert [member.member_id for member in joined(h.join("a")).members] == [h.ids["a"]]


def test_a_leaving_member_starts_a_rebalance() -> None:
    h = GroupHarness()
    h.stable("a", "b")
    assert h.leave_as("a") is ErrorCode.none
    assert joined(h.join("b")).leader == h.ids["b"]


def test_the_last_member_leaves_the_group_empty() -> None:
    h = GroupHarness()
    h.stable("a")
    assert h.leave_as("a") is ErrorCode.none
    assert (h.state, h.group.members) == (GroupState.EMPTY, ())
    assert joined(h.join("b")).generation == 3, "the empty generation counts"


def test_a_member_that_leaves_with_its_join_parked_is_answered() -> None:
    h = GroupHarness()
    h.stable("a")
    parked = h.join("b", member_id="")
    h.ids["b"] = "b-2"
    assert h.leave_as("b") is ErrorCode.none
    assert joined(parked).code is ErrorCode.unknown_member_id


def test_an_admin_removes_members_by_instance_and_by_id() -> None:
    h = GroupHarness()
    h.stable("a", static=True)
    h.join("b")
    codes = h.leave(
        LeavingMember(member_id="", instance_id="a"),
        LeavingMember(member_id="", instance_id="nobody"),
        LeavingMember(member_id="nobody", instance_id=None),
    )
    assert codes == [ErrorCode.none, ErrorCode.unknown_member_id, ErrorCode.unknown_member_id]


def test_a_member_leaves_before_it_came_back_with_its_id() -> None:
    h = GroupHarness()
    h.join("a", asks_for_id=True)
    assert h.leave_as("a") is ErrorCode.none
    assert h.core.table.ids() == set()


def test_members_that_never_sync_are_left_behind() -> None:
    h = GroupHarness()
    h.join("a")
    h.join("b")
    h.join("a")
    parked = h.sync("b")
    for _ in range(REBALANCE_MS // SESSION_MS + 1):
        h.sleep(SESSION_MS - 1)
        h.heartbeat("a")  # it lives, and does not do its work
    assert synced(parked).code is ErrorCode.rebalance_in_progress
    assert joined(h.join("b")).leader == h.ids["b"]


def test_a_parked_member_needs_no_heartbeat() -> None:
    h = GroupHarness()
    h.join("a")
    h.join("b")
    h.join("a")
    parked = h.sync("b")
    for _ in range(3):
        h.sleep(SESSION_MS - 1)
        h.heartbeat("a")
    h.sync("a", {"b": b"2"})
    assert synced(parked).assignment == b"2"


def test_a_group_that_rebalances_is_described_with_the_shares_of_before() -> None:
    h = GroupHarness()
    h.stable("a")
    (member,) = h.group.members
    assert (member.metadata, member.assignment, h.group.protocol) == (subscription("logs"), b"share of a", "range")
    h.join("b")
    assert {(member.metadata, member.assignment) for member in h.group.members} == {(b"", b"share of a"), (b"", b"")}


def test_parked_requests_are_answered_when_the_coordinator_goes_away() -> None:
    h = GroupHarness()
    h.stable("a")
    parked = h.join("b")
    h.carry_out(h.core.release(h.now_ms))
    assert joined(parked).code is ErrorCode.coordinator_not_available
