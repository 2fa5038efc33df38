"""JoinGroup: who gets in, how, and who is told what."""

from kio.schema.errors import ErrorCode

from logpost_broker.groups.classic.messages import Heartbeat, HeartbeatReply, LeavingMember
from logpost_broker.groups.classic.states import GroupState
from logpost_broker.metadata.group_limits import GroupLimits
from tests.broker.groups.harness import (
    GROUP,
    RANGE,
    REBALANCE_MS,
    SESSION_MS,
    Call,
    GroupHarness,
    answer,
    joined,
    subscription,
    synced,
)


def test_the_first_member_leads_at_once() -> None:
    h = GroupHarness()
    reply = joined(h.join("a"))
    assert (reply.code, reply.generation, reply.leader, reply.protocol) == (
        ErrorCode.none,
        1,
        reply.member_id,
        "range",
    )
    assert [member.metadata for member in reply.members] == [RANGE[0][1]]
    assert h.state is GroupState.COMPLETING_REBALANCE


def test_a_second_member_waits_until_the_first_comes_back() -> None:
    h = GroupHarness()
    h.stable("a")
    second = h.join("b")
    assert second.reply is None
    assert h.heartbeat("a") is ErrorCode.rebalance_in_progress
    first = joined(h.join("a"))
    assert joined(second).generation == first.generation == 2
    assert joined(second).leader == first.leader == h.ids["a"]
    assert {member.member_id for member in first.members} == {h.ids["a"], h.ids["b"]}
    assert joined(second).members == ()


def test_a_new_client_is_given_an_id_and_comes_back_with_it() -> None:
    h = GroupHarness()
    required = joined(h.join("a", asks_for_id=True))
    assert required.code is ErrorCode.member_id_required
    assert h.state is GroupState.EMPTY
    reply = joined(h.join("a", asks_for_id=True))
    assert (reply.code, reply.member_id) == (ErrorCode.none, required.member_id)


def test_members_that_start_together_share_one_rebalance() -> None:
    h = GroupHarness()
    for name in "abc":
        h.join(name, asks_for_id=True)
    calls = [h.join(name, asks_for_id=True) for name in "abc"]
    assert {joined(call).generation for call in calls} == {1}


def test_an_id_that_nobody_claims_is_not_waited_for_longer_than_a_session() -> None:
    h = GroupHarness()
    h.join("gone", asks_for_id=True)
    h.join("a", asks_for_id=True)
    call = h.join("a", asks_for_id=True)
    assert call.reply is None
    h.sleep(SESSION_MS)
    assert joined(call).generation == 1


def test_a_group_that_nobody_joined_is_forgotten() -> None:
    h = GroupHarness()
    h.join("gone", asks_for_id=True)
    h.sleep(SESSION_MS)
    assert h.core.table.ids() == set()


def test_an_initial_delay_collects_members() -> None:
    h = GroupHarness(GroupLimits(initial_rebalance_delay_ms=3_000))
    first = h.join("a")
    h.sleep(2_000)
    second = h.join("b")
    h.sleep(3_000)
    assert first.reply is None, "a new member extends the wait"
    h.sleep(1_000)
    assert joined(first).generation == joined(second).generation == 1


def test_the_protocol_with_most_votes_that_all_support_is_chosen() -> None:
    h = GroupHarness()
    h.join("a", protocols=(("sticky", b"s"), ("range", b"r")))
    h.join("b", protocols=(("range", b"r"), ("sticky", b"s"), ("own", b"o")))
    h.join("c", protocols=(("range", b"r"), ("sticky", b"s")))
    assert joined(h.join("a", protocols=(("sticky", b"s"), ("range", b"r")))).protocol == "range"


def test_a_member_without_a_common_protocol_is_refused() -> None:
    h = GroupHarness()
    h.stable("a")
    assert joined(h.join("b", protocols=(("sticky", b""),))).code is ErrorCode.inconsistent_group_protocol
    assert joined(h.join("c", protocol_type="connect")).code is ErrorCode.inconsistent_group_protocol
    assert joined(h.join("d", protocols=())).code is ErrorCode.inconsistent_group_protocol
    assert h.state is GroupState.STABLE


def test_an_only_member_may_change_its_protocol() -> None:
    h = GroupHarness()
    h.stable("a")
    assert joined(h.join("a", protocols=(("sticky", b""),))).protocol == "sticky"


def test_session_timeouts_have_limits() -> None:
    h = GroupHarness()
    assert joined(h.join("a", session_ms=999)).code is ErrorCode.invalid_session_timeout
    assert joined(h.join("a", session_ms=30 * 60_000 + 1)).code is ErrorCode.invalid_session_timeout
    assert joined(h.join("a", session_ms=1_000)).code is ErrorCode.none


def test_a_group_needs_a_name_that_its_record_holds() -> None:
    h = GroupHarness()
    assert joined(h.join("a", group_id="")).code is ErrorCode.invalid_group_id
    assert joined(h.join("a", group_id="x" * 32_768)).code is ErrorCode.invalid_group_id
    assert joined(h.join("a", protocols=(("x" * 32_768, b""),))).code is ErrorCode.invalid_request


def test_a_full_group_takes_nobody_else() -> None:
    h = GroupHarness(GroupLimits(max_members=1))
    h.stable("a")
    assert joined(h.join("b")).code is ErrorCode.group_max_size_reached
    assert joined(h.join("a")).code is ErrorCode.none


def test_a_made_up_member_id_is_refused() -> None:
    h = GroupHarness()
    assert joined(h.join("a", member_id="made-up")).code is ErrorCode.unknown_member_id
    h.stable("b")
    assert joined(h.join("a", member_id="made-up")).code is ErrorCode.unknown_member_id


def test_a_follower_that_joins_again_unchanged_disturbs_nobody() -> None:
    h = GroupHarness()
    h.stable("a", "b")
    reply = joined(h.join("b"))
    assert (reply.code, reply.generation, h.state) == (ErrorCode.none, 2, GroupState.STABLE)
    assert synced(h.sync("b")).assignment == b"share of b"


def test_a_leader_that_joins_again_asks_for_a_rebalance() -> None:
    h = GroupHarness()
    h.stable("a", "b")
    assert h.join("a").reply is None
    assert h.state is GroupState.PREPARING_REBALANCE


def test_a_member_that_subscribes_to_something_else_starts_a_rebalance() -> None:
    h = GroupHarness()
    h.stable("a", "b")
    assert h.join("b", protocols=(("range", subscription("other")),)).reply is None
    assert h.state is GroupState.PREPARING_REBALANCE


def test_a_join_that_is_sent_again_is_answered_again() -> None:
    h = GroupHarness()
    h.stable("a")
    lost = h.join("b", member_id="")
    assert lost.reply is None
    h.join("a")
    reply = joined(h.join("b"))
    assert (reply.generation, reply.code, h.state) == (2, ErrorCode.none, GroupState.COMPLETING_REBALANCE)


def test_a_member_that_does_not_come_back_is_left_behind() -> None:
    h = GroupHarness()
    h.stable("a", "b")
    waiting = h.join("b", protocols=(("range", subscription("other")),))
    while h.now_ms < 1_000_000 + REBALANCE_MS - SESSION_MS:
        h.sleep(SESSION_MS - 1)
        assert h.heartbeat("a") is ErrorCode.rebalance_in_progress
    h.sleep(SESSION_MS)
    assert joined(waiting).leader == h.ids["b"]
    assert h.heartbeat("a") is ErrorCode.unknown_member_id


def test_a_static_member_takes_its_place_back_at_once() -> None:
    h = GroupHarness()
    h.stable("a", "b", static=True)
    before = h.ids["b"]
    reply = joined(h.restart("b"))
    assert (reply.code, reply.generation, reply.leader) == (ErrorCode.none, 2, h.ids["a"])
    assert reply.member_id != before
    assert h.state is GroupState.STABLE
    assert synced(h.sync("b", static=True)).assignment == b"share of b"
    assert h.heartbeat("a", static=True) is ErrorCode.none


def test_the_only_static_member_leads_on_after_a_restart() -> None:
    h = GroupHarness()
    h.stable("a", static=True)
    old = h.ids["a"]
    reply = joined(h.restart("a"))
    assert (reply.leader, reply.members, reply.skip_assignment) == (old, (), False), "it must not assign now"
    assert synced(h.sync("a", static=True)).assignment == b"share of a"
    assert joined(h.join("a", static=True)).leader == h.ids["a"], "the next generation is its own to assign"


def test_a_restarted_leader_is_told_to_skip_the_assignment() -> None:
    h = GroupHarness()
    h.stable("a", "b", static=True)
    reply = joined(h.restart("a", version=9))
    assert (reply.skip_assignment, reply.leader) == (True, h.ids["a"])
    assert {member.member_id for member in reply.members} == {h.ids["a"], h.ids["b"]}
    follower = joined(h.restart("b", version=9))
    assert (follower.skip_assignment, follower.leader, follower.members) == (False, h.ids["a"], ())


def test_what_a_static_member_owned_is_no_change_of_its_subscription() -> None:
    h = GroupHarness()
    h.stable("a", static=True)
    h.restart("a", protocols=(("range", subscription("logs", owned=b"\0\0\0\1")),))
    assert h.state is GroupState.STABLE


def test_a_static_member_with_another_subscription_starts_a_rebalance() -> None:
    h = GroupHarness()
    h.stable("a", "b", static=True)
    assert h.restart("b", protocols=(("range", subscription("other")),)).reply is None
    assert h.state is GroupState.PREPARING_REBALANCE


def test_the_earlier_life_of_a_static_member_is_fenced() -> None:
    h = GroupHarness()
    h.stable("a", static=True)
    old, generation = h.ids["a"], h.generations["a"]
    h.restart("a")
    new = h.ids["a"]
    h.ids["a"] = old
    assert h.heartbeat("a", static=True, generation=generation) is ErrorCode.fenced_instance_id
    assert synced(h.sync("a", static=True)).code is ErrorCode.fenced_instance_id
    assert joined(h.join("a", static=True)).code is ErrorCode.fenced_instance_id
    assert h.leave(LeavingMember(member_id=old, instance_id="a")) == [ErrorCode.fenced_instance_id]
    h.ids["a"] = new
    assert h.heartbeat("a", static=True, generation=generation) is ErrorCode.none


def test_a_static_member_restarted_in_a_rebalance_fences_its_parked_join() -> None:
    h = GroupHarness()
    h.stable("a", "b", static=True)
    parked = h.join("b", static=True, protocols=(("range", subscription("other")),))
    again = h.restart("b", protocols=(("range", subscription("other")),))
    assert joined(parked).code is ErrorCode.fenced_instance_id
    h.join("a", static=True)
    assert joined(again).generation == 3


def test_a_static_member_that_is_away_keeps_its_place_through_a_rebalance() -> None:
    h = GroupHarness()
    h.stable("a", "b", static=True)
    h.sleep(SESSION_MS - 1_000)
    h.heartbeat("a", static=True)
    waiting = h.join("a", static=True, session_ms=120_000)
    h.sleep(900)
    assert waiting.reply is None
    h.restart("b")
    assert {member.instance_id for member in joined(waiting).members} == {"a", "b"}


def test_a_static_member_gone_for_a_session_loses_its_place() -> None:
    h = GroupHarness()
    h.stable("a", "b", static=True)
    for _ in range(3):
        h.sleep(SESSION_MS // 2)
        h.heartbeat("a", static=True)
    reply = joined(h.join("a", static=True))
    assert {member.instance_id for member in reply.members} == {"a"}


def test_an_instance_id_that_is_not_there_is_unknown() -> None:
    h = GroupHarness()
    h.stable("a")
    call = Call("x")
    request = Heartbeat(group_id=GROUP, member_id=h.ids["a"], instance_id="nobody", generation=1)
    h.carry_out(h.core.heartbeat(request, call, h.now_ms))
    assert answer(call, HeartbeatReply).code is ErrorCode.unknown_member_id
