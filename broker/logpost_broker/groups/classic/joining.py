"""JoinGroup: a member comes, comes back, or takes the place of its earlier life."""

from __future__ import annotations

from kio.schema.errors import ErrorCode

from logpost_broker.coordinator.outcome import Draft, Waiter
from logpost_broker.coordinator.sizes import require_room
from logpost_broker.errors import ApiError
from logpost_broker.groups.classic.group import Group, Member
from logpost_broker.groups.classic.messages import Join, JoinedMember, JoinReply
from logpost_broker.groups.classic.rebalance import (
    answer_join,
    answer_sync,
    complete_when_all_joined,
    park_join,
    prepare,
    present_generation,
    watch,
)
from logpost_broker.groups.classic.states import GroupState
from logpost_broker.groups.classic.subscription import same_subscription
from logpost_broker.groups.classic.timer_keys import PendingTimer, SessionTimer
from logpost_broker.metadata.group_limits import GroupLimits


def join(group: Group, request: Join, waiter: Waiter, draft: Draft, limits: GroupLimits) -> None:
    """Raises ApiError: INCONSISTENT_GROUP_PROTOCOL, GROUP_MAX_SIZE_REACHED, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID."""
    known = _known_member(group, request)
    if known is None and len(group.members) + len(group.pending - {request.member_id}) >= limits.max_members:
        raise ApiError(ErrorCode.group_max_size_reached, f"a group has at most {limits.max_members} members")
    if known is None or known.protocols != request.protocols:
        said = (request.member_id, request.instance_id, request.client_id, request.protocol_type, request.protocols)
        require_room(said, (each.protocols for each in group.members.values() if each is not known))
    if not group.accepts(request.protocol_type, request.protocols, known):
        raise ApiError(ErrorCode.inconsistent_group_protocol)
    if known is not None and known.member_id != request.member_id:
        _take_over(group, known, request, waiter, draft, limits)
    elif known is not None:
        _rejoin(group, known, request, waiter, draft, limits)
    elif not request.member_id and request.instance_id is None and request.requires_known_member_id:
        _give_member_id(group, request, waiter, draft)
    else:
        _add(group, request, waiter, draft, limits)


def _known_member(group: Group, request: Join) -> Member | None:
    """The member that asks, or whose place it claims by its instance id; None for a new one."""
    if not request.member_id:
        return group.static_member(request.instance_id)
    if request.member_id in group.pending and request.instance_id is None:
        return None
    return group.member(request.member_id, request.instance_id)


def _give_member_id(group: Group, request: Join, waiter: Waiter, draft: Draft) -> None:
    """KIP-394: a client that gives up before its answer arrives then leaves no member behind."""
    group.pending.add(request.new_member_id)
    draft.set_timer(PendingTimer(group.group_id, request.new_member_id), request.session_timeout_ms)
    draft.reply(waiter, JoinReply(code=ErrorCode.member_id_required, member_id=request.new_member_id))


def _add(group: Group, request: Join, waiter: Waiter, draft: Draft, limits: GroupLimits) -> None:
    member = Member(
        member_id=request.member_id or request.new_member_id,
        instance_id=request.instance_id,
        client_id=request.client_id,
        client_host=request.client_host,
        session_timeout_ms=request.session_timeout_ms,
        rebalance_timeout_ms=request.rebalance_timeout_ms,
        protocols=request.protocols,
    )
    if member.member_id in group.pending:
        group.pending.discard(member.member_id)
        draft.cancel_timer(PendingTimer(group.group_id, member.member_id))
    group.protocol_type = request.protocol_type
    group.members[member.member_id] = member
    group.grew = True
    _park_and_rebalance(group, member, waiter, draft, limits)


def _rejoin(group: Group, member: Member, request: Join, waiter: Waiter, draft: Draft, limits: GroupLimits) -> None:
    changed = (group.protocol_type, member.protocols) != (request.protocol_type, request.protocols)
    leads_stable = group.is_in(GroupState.STABLE) and group.leader == member.member_id
    _update(group, member, request)
    if group.is_in(GroupState.PREPARING_REBALANCE) or changed or leads_stable:
        _park_and_rebalance(group, member, waiter, draft, limits)
        return
    # The answer to its join was lost on the way, or a follower is over-careful: nothing has changed.
    watch(group, member, draft)
    draft.reply(waiter, present_generation(group, member))


def _take_over(group: Group, member: Member, request: Join, waiter: Waiter, draft: Draft, limits: GroupLimits) -> None:
    """A static member was started again (KIP-345): its earlier life is fenced, its place and its partitions are its
    own at once, unless it wants other topics now."""
    old_leader = group.leader
    answer_join(member, draft, ErrorCode.fenced_instance_id)
    answer_sync(member, draft, ErrorCode.fenced_instance_id)
    draft.cancel_timer(SessionTimer(group.group_id, member.member_id))
    before = (group.protocol_type, member.metadata(group.protocol))
    _update(group, member, request)
    keeps_assignment = (
        group.is_in(GroupState.STABLE)
        and group.chosen_protocol() == group.protocol
        and same_subscription(before, (group.protocol_type, member.metadata(group.protocol)))
    )
    if not keeps_assignment:
        group.rename(member, request.new_member_id)
        _park_and_rebalance(group, member, waiter, draft, limits)
        return
    renamed = {member.member_id: request.new_member_id}
    draft.events.append(group.as_stable(draft.now_ms, assignments={}, renamed=renamed))
    draft.set_timer(SessionTimer(group.group_id, request.new_member_id), member.session_timeout_ms)
    draft.reply(waiter, _taken_over(group, request, old_leader))


def _taken_over(group: Group, request: Join, old_leader: str | None) -> JoinReply:
    """A leader must not assign now: a stable group would not pass that on. It is told so (KIP-814), or, before
    JoinGroup v9, it is told the old leader's id, which is nobody's."""
    static = group.static_member(request.instance_id)
    assert static is not None
    leads = static.member_id == old_leader
    skips = leads and request.supports_skip_assignment
    members = tuple(
        JoinedMember(
            member_id=request.new_member_id if member.instance_id == request.instance_id else member.member_id,
            instance_id=member.instance_id,
            metadata=member.metadata,
        )
        for member in (group.joined_members() if skips else ())
    )
    return JoinReply(
        member_id=request.new_member_id,
        generation=group.generation,
        protocol_type=group.protocol_type,
        protocol=group.protocol,
        leader=request.new_member_id if skips else old_leader or "",
        members=members,
        skip_assignment=skips,
    )


def _update(group: Group, member: Member, request: Join) -> None:
    group.protocol_type = request.protocol_type
    member.client_id = request.client_id
    member.client_host = request.client_host
    member.session_timeout_ms = request.session_timeout_ms
    member.rebalance_timeout_ms = request.rebalance_timeout_ms
    member.protocols = request.protocols
    member.weigh()


def _park_and_rebalance(group: Group, member: Member, waiter: Waiter, draft: Draft, limits: GroupLimits) -> None:
    park_join(group, member, waiter, draft)
    if group.is_in(GroupState.PREPARING_REBALANCE):
        complete_when_all_joined(group, draft)
    else:
        prepare(group, draft, limits)
