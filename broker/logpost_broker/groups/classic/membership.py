"""SyncGroup, Heartbeat, LeaveGroup, and what happens to members that send nothing."""

from __future__ import annotations

from collections.abc import Mapping

from kio.schema.errors import ErrorCode

from logpost_broker.coordinator.outcome import Draft, Waiter
from logpost_broker.coordinator.sizes import MAX_GROUP_BYTES, said_bytes
from logpost_broker.errors import ApiError
from logpost_broker.groups.classic.group import Group, Member
from logpost_broker.groups.classic.messages import Heartbeat, LeavingMember, Sync, SyncReply
from logpost_broker.groups.classic.rebalance import complete_when_all_joined, drop, park_sync, prepare, remove, watch
from logpost_broker.groups.classic.states import GroupState
from logpost_broker.groups.classic.timer_keys import PendingTimer, SyncTimer
from logpost_broker.metadata.group_limits import GroupLimits


def sync(group: Group, request: Sync, waiter: Waiter, draft: Draft) -> None:
    """Hold the request until the leader's comes; that one brings the assignments and answers all.

    Raises ApiError: UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION, INCONSISTENT_GROUP_PROTOCOL,
    REBALANCE_IN_PROGRESS, UNKNOWN_SERVER_ERROR for assignments that are too large.
    """
    member = _current_member(group, request.member_id, request.instance_id, request.generation)
    for said, is_so in ((request.protocol_type, group.protocol_type), (request.protocol, group.protocol)):
        if said is not None and said != is_so:
            raise ApiError(ErrorCode.inconsistent_group_protocol, f"the group uses {is_so}, not {said}")
    if group.is_in(GroupState.PREPARING_REBALANCE):
        raise ApiError(ErrorCode.rebalance_in_progress)
    member.owes_sync = False
    if group.is_in(GroupState.STABLE):
        watch(group, member, draft)
        draft.reply(waiter, _assigned(group, member.assignment))
        _stop_waiting_for_syncs(group, draft)
        return
    if member.member_id == group.leader:
        assignments = _assignments(group, request)
        park_sync(group, member, waiter, draft)
        _become_stable(group, assignments, draft)
    else:
        park_sync(group, member, waiter, draft)


def _assignments(group: Group, request: Sync) -> dict[str, bytes]:
    """Member id → what its leader gives it. Raises ApiError UNKNOWN_SERVER_ERROR for too much."""
    assignments = {member_id: request.assignments.get(member_id, b"") for member_id in group.members}
    if said_bytes(assignments) > MAX_GROUP_BYTES:
        message = f"a leader assigns at most {MAX_GROUP_BYTES} bytes"
        raise ApiError(ErrorCode.unknown_server_error, message)  # as Kafka, which cannot journal them
    return assignments


def _become_stable(group: Group, assignments: Mapping[str, bytes], draft: Draft) -> None:
    draft.events.append(group.as_stable(draft.now_ms, assignments=assignments, renamed={}))
    for member in group.members.values():
        if member.sync_waiter is not None:
            draft.reply(member.sync_waiter, _assigned(group, assignments[member.member_id]))
            member.sync_waiter = None
            watch(group, member, draft)
    _stop_waiting_for_syncs(group, draft)


def _stop_waiting_for_syncs(group: Group, draft: Draft) -> None:
    if not any(member.owes_sync for member in group.members.values()):
        draft.cancel_timer(SyncTimer(group.group_id))


def _assigned(group: Group, assignment: bytes) -> SyncReply:
    return SyncReply(protocol_type=group.protocol_type, protocol=group.protocol, assignment=assignment)


def heartbeat(group: Group, request: Heartbeat, draft: Draft) -> ErrorCode:
    """Raises ApiError: UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION."""
    member = _current_member(group, request.member_id, request.instance_id, request.generation)
    watch(group, member, draft)
    return ErrorCode.rebalance_in_progress if group.is_in(GroupState.PREPARING_REBALANCE) else ErrorCode.none


def leave(group: Group, leaving: LeavingMember, draft: Draft, limits: GroupLimits) -> None:
    """Raises ApiError: UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID."""
    if leaving.member_id in group.pending:
        forget_pending(group, leaving.member_id, draft)
        return
    member = group.static_member(leaving.instance_id) if not leaving.member_id else None
    remove(group, member or group.member(leaving.member_id, leaving.instance_id), draft, limits)


def forget_pending(group: Group, member_id: str, draft: Draft) -> None:
    """An id that was given out is not waited for any longer."""
    group.pending.discard(member_id)
    draft.cancel_timer(PendingTimer(group.group_id, member_id))
    complete_when_all_joined(group, draft)


def session_expired(group: Group, member_id: str, draft: Draft, limits: GroupLimits) -> None:
    member = group.members.get(member_id)
    if member is not None:
        remove(group, member, draft, limits)


def sync_expired(group: Group, draft: Draft, limits: GroupLimits) -> None:
    """Members joined and then never asked for their partitions, which would stay unread: share them again."""
    missing = [member for member in group.members.values() if member.owes_sync]
    if not missing or not group.is_in(GroupState.COMPLETING_REBALANCE, GroupState.STABLE):
        return
    for member in missing:
        drop(group, member, draft)
    prepare(group, draft, limits)


def _current_member(group: Group, member_id: str, instance_id: str | None, generation: int) -> Member:
    member = group.member(member_id, instance_id)
    if generation != group.generation:
        raise ApiError(ErrorCode.illegal_generation)
    return member
