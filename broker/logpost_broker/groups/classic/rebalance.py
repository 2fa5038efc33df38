"""A rebalance from its beginning to the new generation: who is waited for, who is left behind, who leads."""

from __future__ import annotations

from kio.schema.errors import ErrorCode

from logpost_broker.coordinator.outcome import Draft, Waiter
from logpost_broker.groups.classic.group import Group, Member
from logpost_broker.groups.classic.messages import JoinReply, SyncReply
from logpost_broker.groups.classic.states import GroupState
from logpost_broker.groups.classic.timer_keys import PendingTimer, RebalanceTimer, SessionTimer, SyncTimer
from logpost_broker.metadata.group_limits import GroupLimits


def prepare(group: Group, draft: Draft, limits: GroupLimits) -> None:
    """Call all members back: they learn it from their next heartbeat, sync or join."""
    for member in group.members.values():
        member.owes_sync = False
        if member.sync_waiter is not None:
            answer_sync(member, draft, ErrorCode.rebalance_in_progress)
            watch(group, member, draft)
    draft.cancel_timer(SyncTimer(group.group_id))
    delay_ms = group.rebalance_timeout_ms
    if group.is_in(GroupState.EMPTY) and limits.initial_rebalance_delay_ms > 0:
        group.initial_until_ms = draft.now_ms + delay_ms
        group.grew = False
        delay_ms = min(delay_ms, limits.initial_rebalance_delay_ms)
    group.move(GroupState.PREPARING_REBALANCE, draft.now_ms)
    draft.set_timer(RebalanceTimer(group.group_id), delay_ms)
    complete_when_all_joined(group, draft)


def complete_when_all_joined(group: Group, draft: Draft) -> None:
    """It waits also for members that were given an id and have not come back, so that consumers which start together
    share one rebalance."""
    if not group.is_in(GroupState.PREPARING_REBALANCE) or group.initial_until_ms is not None or group.pending:
        return
    if all(member.join_waiter is not None for member in group.members.values()):
        complete(group, draft)


def time_is_up(group: Group, draft: Draft, limits: GroupLimits) -> None:
    """The rebalance timer rang: go on with who is there. The first rebalance waits on while members keep coming."""
    if not group.is_in(GroupState.PREPARING_REBALANCE):
        return
    left_ms = (group.initial_until_ms or 0) - draft.now_ms
    if group.grew and left_ms > 0:
        group.grew = False
        draft.set_timer(RebalanceTimer(group.group_id), min(limits.initial_rebalance_delay_ms, left_ms))
        return
    group.initial_until_ms = None
    complete(group, draft)


def complete(group: Group, draft: Draft) -> None:
    """Begin the next generation with those who joined, and with static members, whose place is kept for as long as
    their session lasts."""
    for member in list(group.members.values()):
        if member.join_waiter is None and member.instance_id is None:
            drop(group, member, draft)
    if not group.members:
        group.initial_until_ms = None
        draft.cancel_timer(RebalanceTimer(group.group_id))
        draft.events.append(group.as_empty(draft.now_ms))
        return
    joined = [member for member in group.members.values() if member.join_waiter is not None]
    if not joined:
        draft.set_timer(RebalanceTimer(group.group_id), group.rebalance_timeout_ms)
        return
    if group.leader not in {member.member_id for member in joined}:
        group.leader = joined[0].member_id
    group.generation += 1
    group.protocol = group.chosen_protocol()
    group.move(GroupState.COMPLETING_REBALANCE, draft.now_ms)
    draft.cancel_timer(RebalanceTimer(group.group_id))
    draft.set_timer(SyncTimer(group.group_id), group.rebalance_timeout_ms)
    for member in joined:
        draft.reply(member.join_waiter, present_generation(group, member))
        member.join_waiter = None
        member.owes_sync = True
        watch(group, member, draft)


def present_generation(group: Group, member: Member) -> JoinReply:
    """What a joined member is told."""
    return JoinReply(
        member_id=member.member_id,
        generation=group.generation,
        protocol_type=group.protocol_type,
        protocol=group.protocol,
        leader=group.leader or "",
        members=group.joined_members() if member.member_id == group.leader else (),
    )


def remove(group: Group, member: Member, draft: Draft, limits: GroupLimits) -> None:
    """Take a member out, and let the others share what it had."""
    drop(group, member, draft)
    if group.is_in(GroupState.STABLE, GroupState.COMPLETING_REBALANCE):
        prepare(group, draft, limits)
    else:
        complete_when_all_joined(group, draft)


def drop(group: Group, member: Member, draft: Draft) -> None:
    del group.members[member.member_id]
    draft.cancel_timer(SessionTimer(group.group_id, member.member_id))
    answer_join(member, draft, ErrorCode.unknown_member_id)
    answer_sync(member, draft, ErrorCode.unknown_member_id)


def call_back(group: Group, draft: Draft, limits: GroupLimits) -> None:
    """Unless they are being called back already."""
    if group.members and group.is_in(GroupState.STABLE):
        prepare(group, draft, limits)


def end(group: Group, draft: Draft) -> None:
    """It is no classic group any more: members that wait for the others join again, and find out."""
    for member in group.members.values():
        answer_join(member, draft, ErrorCode.rebalance_in_progress)
        answer_sync(member, draft, ErrorCode.rebalance_in_progress)
        draft.cancel_timer(SessionTimer(group.group_id, member.member_id))
    for member_id in group.pending:
        draft.cancel_timer(PendingTimer(group.group_id, member_id))
    draft.cancel_timer(RebalanceTimer(group.group_id))
    draft.cancel_timer(SyncTimer(group.group_id))


def watch(group: Group, member: Member, draft: Draft) -> None:
    """The member sent something: its session begins again. It need send nothing while a request of it is parked."""
    if member.join_waiter is None and member.sync_waiter is None:
        draft.set_timer(SessionTimer(group.group_id, member.member_id), member.session_timeout_ms)


def park_join(group: Group, member: Member, waiter: Waiter, draft: Draft) -> None:
    """Hold a join until the rebalance completes."""
    answer_join(member, draft, ErrorCode.rebalance_in_progress)
    member.join_waiter = waiter
    draft.cancel_timer(SessionTimer(group.group_id, member.member_id))


def park_sync(group: Group, member: Member, waiter: Waiter, draft: Draft) -> None:
    """Hold a sync until the leader's brings the assignments."""
    answer_sync(member, draft, ErrorCode.rebalance_in_progress)
    member.sync_waiter = waiter
    draft.cancel_timer(SessionTimer(group.group_id, member.member_id))


def answer_join(member: Member, draft: Draft, code: ErrorCode) -> None:
    if member.join_waiter is not None:
        draft.reply(member.join_waiter, JoinReply(code=code, member_id=member.member_id))
        member.join_waiter = None


def answer_sync(member: Member, draft: Draft, code: ErrorCode) -> None:
    if member.sync_waiter is not None:
        draft.reply(member.sync_waiter, SyncReply(code=code))
        member.sync_waiter = None
