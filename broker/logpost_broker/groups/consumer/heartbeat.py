"""ConsumerGroupHeartbeat: a member joins, says what it subscribes to and has, and learns what it should have."""

from __future__ import annotations

from dataclasses import replace

from kio.schema.errors import ErrorCode

from logpost_broker.coordinator.sizes import require_room
from logpost_broker.errors import ApiError
from logpost_broker.groups.consumer.events import CurrentStored, MemberStored, Partitions
from logpost_broker.groups.consumer.group import ConsumerGroup
from logpost_broker.groups.consumer.membership import remove_members, replace_member
from logpost_broker.groups.consumer.messages import (
    JOIN_EPOCH,
    LEAVE_STATIC_EPOCH,
    MemberHeartbeat,
    MemberHeartbeatReply,
)
from logpost_broker.groups.consumer.reconciliation import reconcile
from logpost_broker.groups.consumer.subscriptions import check_regex, refresh
from logpost_broker.groups.consumer.timer_keys import MemberSessionTimer, RevocationTimer
from logpost_broker.groups.consumer.work import Work
from logpost_broker.groups.modern.work import arm_revocation


def heartbeat(work: Work, request: MemberHeartbeat, *, is_metadata_seen: bool) -> MemberHeartbeatReply:
    """`is_metadata_seen`: the group has looked at these topics before.

    Raises ApiError: UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH, FENCED_INSTANCE_ID, UNRELEASED_INSTANCE_ID,
    GROUP_MAX_SIZE_REACHED, INVALID_REGULAR_EXPRESSION.
    """
    member = _member(work, request)
    changed = _update(work, member, request)
    if changed or not is_metadata_seen or work.group.epoch > work.group.target_epoch:
        refresh(work, is_subscription_changed=changed)
    before = work.group.current.get(request.member_id)
    current = _reconciled(work, request)
    _arm(work, request.member_id, before, current)
    is_told = request.is_full or before is None or before.assigned != current.assigned
    return MemberHeartbeatReply(
        member_id=request.member_id,
        member_epoch=current.epoch,
        heartbeat_interval_ms=work.limits.heartbeat_interval_ms,
        assigned=current.assigned if is_told else None,
    )


def leave(work: Work, request: MemberHeartbeat) -> MemberHeartbeatReply:
    """Raises ApiError: UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID."""
    member = _known(work.group, request)
    if request.member_epoch == LEAVE_STATIC_EPOCH:
        # It keeps its partitions until it is back, or its session is over.
        work.emit(replace(work.group.current_of(member.member_id), epoch=LEAVE_STATIC_EPOCH))
        work.draft.cancel_timer(RevocationTimer(request.group_id, member.member_id))
    else:
        remove_members(work, [member.member_id])
    return MemberHeartbeatReply(member_id=member.member_id, member_epoch=request.member_epoch)


def _known(group: ConsumerGroup, request: MemberHeartbeat) -> MemberStored:
    """Raises ApiError: UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID."""
    if request.instance_id is None:
        member = group.members.get(request.member_id)
    else:
        member = group.static_member(request.instance_id)
        if member is not None and member.member_id != request.member_id:
            raise ApiError(
                ErrorCode.fenced_instance_id, f"another member has the instance id {request.instance_id} now"
            )
    if member is None:
        raise ApiError(ErrorCode.unknown_member_id, f"{request.member_id} is not a member of the group")
    return member


def _member(work: Work, request: MemberHeartbeat) -> MemberStored | None:
    """Who it is; None for somebody new."""
    group = work.group
    if request.member_epoch == JOIN_EPOCH:
        return _joining(work, request)
    member = _known(group, request)
    _check_epoch(group.current_of(member.member_id), request.member_epoch, request.owned)
    return member


def _joining(work: Work, request: MemberHeartbeat) -> MemberStored | None:
    group = work.group
    static = None if request.instance_id is None else group.static_member(request.instance_id)
    if static is not None and static.member_id != request.member_id:
        if static.classic is None and group.current_of(static.member_id).epoch != LEAVE_STATIC_EPOCH:
            raise ApiError(
                ErrorCode.unreleased_instance_id, f"another member has the instance id {request.instance_id}"
            )
        return replace_member(work, static, request.member_id)
    member = static or group.members.get(request.member_id)
    if member is None and len(group.members) >= work.limits.max_members:
        raise ApiError(ErrorCode.group_max_size_reached, f"the group has {work.limits.max_members} members already")
    current = group.current_of(request.member_id)
    if current.epoch == LEAVE_STATIC_EPOCH:
        work.emit(replace(current, epoch=JOIN_EPOCH, previous_epoch=JOIN_EPOCH))
    return member


def _check_epoch(current: CurrentStored, epoch: int, owned: Partitions | None) -> None:
    if epoch > current.epoch:
        raise ApiError(ErrorCode.fenced_member_epoch, f"the member's epoch is {current.epoch}, not the later {epoch}")
    # The answer that told it of its new epoch may have been lost.
    is_answer_lost = epoch == current.previous_epoch and owned is not None and owned <= current.assigned
    if epoch < current.epoch and not is_answer_lost:
        raise ApiError(ErrorCode.fenced_member_epoch, f"the member's epoch is {current.epoch}, not the earlier {epoch}")


def _update(work: Work, member: MemberStored | None, request: MemberHeartbeat) -> bool:
    """Keep what the member says; returns whether it changes what anybody is assigned."""
    known = member or _blank(request)
    updated = replace(
        known,
        instance_id=known.instance_id if request.instance_id is None else request.instance_id,
        rack_id=known.rack_id if request.rack_id is None else request.rack_id,
        client_id=request.client_id,
        client_host=request.client_host,
        topic_names=known.topic_names if request.topic_names is None else tuple(sorted(set(request.topic_names))),
        topic_regex=known.topic_regex if request.topic_regex is None else request.topic_regex,
        rebalance_timeout_ms=(
            known.rebalance_timeout_ms if request.rebalance_timeout_ms is None else request.rebalance_timeout_ms
        ),
        server_assignor=known.server_assignor if request.server_assignor is None else request.server_assignor,
        classic=None,
    )
    if updated.topic_regex and updated.topic_regex != known.topic_regex:
        check_regex(updated.topic_regex)
    if member is None or updated != member:
        require_room(updated, (each for each in work.group.members.values() if each.member_id != updated.member_id))
        work.emit(updated)
    return member is None or _wants(updated) != _wants(member)


def _wants(member: MemberStored) -> tuple[object, ...]:
    return member.topic_names, member.topic_regex, member.server_assignor


def _blank(request: MemberHeartbeat) -> MemberStored:
    return MemberStored(
        group_id=request.group_id,
        member_id=request.member_id,
        instance_id=None,
        rack_id=None,
        client_id=request.client_id,
        client_host=request.client_host,
        topic_names=(),
        topic_regex="",
        rebalance_timeout_ms=-1,
        server_assignor=None,
    )


def _reconciled(work: Work, request: MemberHeartbeat) -> CurrentStored:
    group, member_id = work.group, request.member_id
    known = group.current.get(member_id)
    current = reconcile(
        group.current_of(member_id),
        group.target_of(member_id),
        group.target_epoch,
        request.owned,
        lambda partitions: group.held_by_others(member_id, partitions),
    )
    if current != known:
        work.emit(current)
    return current


def _arm(work: Work, member_id: str, before: CurrentStored | None, current: CurrentStored) -> None:
    group = work.group
    work.draft.set_timer(MemberSessionTimer(group.group_id, member_id), work.limits.session_timeout_ms)
    timer = RevocationTimer(group.group_id, member_id)
    owed_before = None if before is None else before.owed
    arm_revocation(work.draft, timer, group.members[member_id].rebalance_timeout_ms, owed_before, current.owed)
