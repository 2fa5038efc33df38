"""Members of a consumer group that still speak the classic protocol (KIP-848, "Online Migration"): their JoinGroup is
the heartbeat in which they say what they have and learn their epoch, as a generation; SyncGroup brings what they have
in it, and Heartbeat calls them back when there is more to let go or to get."""

from __future__ import annotations

from kio.schema.errors import ErrorCode

from logpost_broker.coordinator.outcome import Draft
from logpost_broker.coordinator.sizes import require_room
from logpost_broker.errors import ApiError
from logpost_broker.groups.classic.messages import Heartbeat, Join, JoinReply, LeavingMember, Sync, SyncReply
from logpost_broker.groups.classic.subscription import CONSUMER
from logpost_broker.groups.consumer.classic_protocol import Subscription, assignment_of, read_subscription
from logpost_broker.groups.consumer.events import ClassicMember, CurrentStored, MemberState, MemberStored, Partitions
from logpost_broker.groups.consumer.group import ConsumerGroup
from logpost_broker.groups.consumer.membership import replace_member
from logpost_broker.groups.consumer.reconciliation import reconcile
from logpost_broker.groups.consumer.subscriptions import refresh
from logpost_broker.groups.consumer.timer_keys import MemberSessionTimer, MemberSyncTimer, RejoinTimer, RevocationTimer
from logpost_broker.groups.consumer.work import Work


def join(work: Work, request: Join, *, is_metadata_seen: bool) -> JoinReply:
    """Raises ApiError: INCONSISTENT_GROUP_PROTOCOL, GROUP_MAX_SIZE_REACHED, MEMBER_ID_REQUIRED, UNKNOWN_MEMBER_ID,
    FENCED_INSTANCE_ID; REBALANCE_IN_PROGRESS when the group has become a classic one by it."""
    subscription = _subscription(work.group, request)
    member = _joining(work, request)
    updated = MemberStored(
        group_id=request.group_id,
        member_id=request.member_id or request.new_member_id,
        instance_id=request.instance_id,
        rack_id=subscription.rack_id,
        client_id=request.client_id,
        client_host=request.client_host,
        topic_names=tuple(sorted(set(subscription.topics))),
        topic_regex="",
        rebalance_timeout_ms=request.rebalance_timeout_ms,
        server_assignor=None,
        classic=ClassicMember(session_timeout_ms=request.session_timeout_ms, protocols=request.protocols),
    )
    changed = member is None or member.topic_names != updated.topic_names or bool(member.topic_regex)
    if updated != member:
        require_room(updated, (each for each in work.group.members.values() if each.member_id != updated.member_id))
        work.emit(updated)
    if changed or not is_metadata_seen or work.group.epoch > work.group.target_epoch:
        refresh(work, is_subscription_changed=changed)
    current = _reconciled(work, updated.member_id, _owned(work, subscription))
    _arm(work, updated, request)
    return JoinReply(
        member_id=updated.member_id,
        generation=current.epoch,
        protocol_type=CONSUMER,
        protocol=request.protocols[0][0],
    )


def _subscription(group: ConsumerGroup, request: Join) -> Subscription:
    """Raises ApiError INCONSISTENT_GROUP_PROTOCOL unless the other classic members can follow it."""
    others = [
        dict(member.classic.protocols).keys()
        for member in group.members.values()
        if member.classic is not None and member.member_id != request.member_id
    ]
    names = set(dict(request.protocols))
    if request.protocol_type != CONSUMER or not names.intersection(*others):
        raise ApiError(ErrorCode.inconsistent_group_protocol)
    try:
        return read_subscription(request.protocols[0][1])
    except ValueError as error:
        raise ApiError(ErrorCode.inconsistent_group_protocol, f"its subscription cannot be read: {error}") from error


def _joining(work: Work, request: Join) -> MemberStored | None:
    """Who it is; None for somebody new."""
    group = work.group
    static = None if request.instance_id is None else group.static_member(request.instance_id)
    if static is not None and not request.member_id:
        return replace_member(work, static, request.new_member_id)
    if request.instance_id is not None and request.member_id:
        return _validated(group, request.member_id, request.instance_id)
    member = group.members.get(request.member_id)
    if member is None and len(group.members) >= work.limits.max_members:
        raise ApiError(ErrorCode.group_max_size_reached, f"the group has {work.limits.max_members} members already")
    if not request.member_id and request.instance_id is None and request.requires_known_member_id:
        raise ApiError(ErrorCode.member_id_required)
    return member


def _owned(work: Work, subscription: Subscription) -> Partitions:
    topics = work.image.topics
    return frozenset((topics[topic].id, partition) for topic, partition in subscription.owned if topic in topics)


def _reconciled(work: Work, member_id: str, owned: Partitions) -> CurrentStored:
    group = work.group
    known = group.current.get(member_id)
    current = reconcile(
        group.current_of(member_id),
        group.target_of(member_id),
        group.target_epoch,
        owned,
        lambda partitions: group.held_by_others(member_id, partitions),
    )
    if current != known:
        work.emit(current)
    return current


def _arm(work: Work, member: MemberStored, request: Join) -> None:
    place = member.group_id, member.member_id
    work.draft.cancel_timer(RevocationTimer(*place))
    work.draft.cancel_timer(RejoinTimer(*place))
    work.draft.set_timer(MemberSyncTimer(*place), request.rebalance_timeout_ms)
    work.draft.set_timer(MemberSessionTimer(*place), request.session_timeout_ms)


def sync(work: Work, request: Sync) -> SyncReply:
    """Raises ApiError: UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION, INCONSISTENT_GROUP_PROTOCOL,
    REBALANCE_IN_PROGRESS."""
    group, draft = work.group, work.draft
    member = _validated(group, request.member_id, request.instance_id)
    classic = _classic(member)
    current = _in_generation(group, member, request.generation)
    protocol, metadata = classic.protocols[0]
    for said, is_so in ((request.protocol_type, CONSUMER), (request.protocol, protocol)):
        if said is not None and said != is_so:
            raise ApiError(ErrorCode.inconsistent_group_protocol, f"the group uses {is_so}, not {said}")
    # Who has to let go learns it by the smaller assignment, and joins again then.
    if group.epoch > current.epoch and current.state is not MemberState.UNREVOKED_PARTITIONS:
        raise ApiError(ErrorCode.rebalance_in_progress)
    draft.cancel_timer(MemberSyncTimer(group.group_id, member.member_id))
    draft.set_timer(MemberSessionTimer(group.group_id, member.member_id), classic.session_timeout_ms)
    names = {topic.id: name for name, topic in work.image.topics.items()}
    assigned = [(names[id_], partition) for id_, partition in current.assigned if id_ in names]
    return SyncReply(
        protocol_type=CONSUMER,
        protocol=protocol,
        assignment=assignment_of(assigned, read_subscription(metadata).version),
    )


def heartbeat(group: ConsumerGroup, request: Heartbeat, draft: Draft) -> ErrorCode:
    """REBALANCE_IN_PROGRESS calls the member back. Raises ApiError: UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID,
    ILLEGAL_GENERATION."""
    member = _validated(group, request.member_id, request.instance_id)
    classic = _classic(member)
    current = _in_generation(group, member, request.generation)
    draft.set_timer(MemberSessionTimer(group.group_id, member.member_id), classic.session_timeout_ms)
    if not _has_to_join(group, current):
        return ErrorCode.none
    timer = RejoinTimer(group.group_id, member.member_id)
    draft.set_timer(timer, member.rebalance_timeout_ms, unless_set=True)
    return ErrorCode.rebalance_in_progress


def _has_to_join(group: ConsumerGroup, current: CurrentStored) -> bool:
    if current.epoch < group.epoch or current.state is MemberState.UNREVOKED_PARTITIONS:
        return True
    missing = group.target_of(current.member_id) - current.assigned
    is_waiting = current.state is MemberState.UNRELEASED_PARTITIONS
    return is_waiting and missing != group.held_by_others(current.member_id, missing)


def leaving(group: ConsumerGroup, member: LeavingMember) -> str:
    """The id of a member that wants to leave. Raises ApiError: UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID."""
    static = group.static_member(member.instance_id) if member.instance_id and not member.member_id else None
    known = static or _validated(group, member.member_id, member.instance_id)
    _classic(known)
    return known.member_id


def _validated(group: ConsumerGroup, member_id: str, instance_id: str | None) -> MemberStored:
    """Raises ApiError: UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID."""
    member = group.members.get(member_id) if instance_id is None else group.static_member(instance_id)
    if member is None:
        raise ApiError(ErrorCode.unknown_member_id)
    if member.member_id != member_id:
        raise ApiError(ErrorCode.fenced_instance_id)
    return member


def _classic(member: MemberStored) -> ClassicMember:
    """Raises ApiError UNKNOWN_MEMBER_ID for a member that speaks the new protocol."""
    if member.classic is None:
        raise ApiError(ErrorCode.unknown_member_id, "the member does not use the classic protocol")
    return member.classic


def _in_generation(group: ConsumerGroup, member: MemberStored, generation: int) -> CurrentStored:
    """Raises ApiError ILLEGAL_GENERATION."""
    current = group.current_of(member.member_id)
    if current.epoch != generation:
        raise ApiError(ErrorCode.illegal_generation)
    return current
