"""The groups of the classic protocol: as in `groups/consumer/coordinator.py`, every call says what it decided as an
`Outcome` and waits for nothing.

What members and timers do between two journaled states is kept here only: after a crash a group is what was journaled
last, and its members find out by their generation.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from kio.schema.errors import ErrorCode

from logpost_broker.coordinator.outcome import Draft, Event, Outcome, Waiter
from logpost_broker.coordinator.record_fields import MAX_STRING_BYTES
from logpost_broker.errors import ApiError
from logpost_broker.groups.classic import joining, membership, rebalance
from logpost_broker.groups.classic.events import GroupDeleted, GroupStored
from logpost_broker.groups.classic.group import Group
from logpost_broker.groups.classic.listing import DescribedGroup, describe
from logpost_broker.groups.classic.messages import (
    Heartbeat,
    HeartbeatReply,
    Join,
    JoinReply,
    LeaveReply,
    LeavingMember,
    Sync,
    SyncReply,
)
from logpost_broker.groups.classic.states import GroupState
from logpost_broker.groups.classic.subscription import subscribed_topics
from logpost_broker.groups.classic.timer_keys import (
    CallBackTimer,
    ClassicTimer,
    PendingTimer,
    RebalanceTimer,
    SessionTimer,
    SyncTimer,
)
from logpost_broker.metadata.group_limits import GroupLimits


class ClassicGroups:
    def __init__(self, limits: GroupLimits) -> None:
        self.limits = limits
        self._groups: dict[str, Group] = {}
        self._said: dict[str, int] = {}
        """Group id → bytes."""
        self.said_bytes = 0
        """What all members say of themselves, those too that are not journaled yet."""

    def join(self, request: Join, waiter: Waiter, draft: Draft) -> Outcome:
        """Answered with a JoinReply, maybe by a later outcome. `draft` may have events already, of a group that makes
        room."""
        group = self._groups.get(request.group_id) or Group(group_id=request.group_id)
        try:
            joining.join(group, request, waiter, draft, self.limits)
        except ApiError as error:
            draft.reply(waiter, JoinReply(code=error.code, member_id=request.member_id))
        return self._end(group, draft)

    def sync(self, request: Sync, waiter: Waiter, draft: Draft) -> Outcome:
        """Answered with a SyncReply, maybe by a later outcome."""
        try:
            membership.sync(self._group(request.group_id), request, waiter, draft)
        except ApiError as error:
            draft.reply(waiter, SyncReply(code=error.code))
        return draft.outcome()

    def heartbeat(self, request: Heartbeat, waiter: Waiter, draft: Draft) -> Outcome:
        """Answered with a HeartbeatReply."""
        try:
            code = membership.heartbeat(self._group(request.group_id), request, draft)
        except ApiError as error:
            code = error.code
        draft.reply(waiter, HeartbeatReply(code=code))
        return draft.outcome()

    def leave(self, group_id: str, members: Iterable[LeavingMember], waiter: Waiter, draft: Draft) -> Outcome:
        """Answered with a LeaveReply: a code per member."""
        group = self._groups.get(group_id) or Group(group_id=group_id)
        codes = []
        for member in members:
            try:
                membership.leave(group, member, draft, self.limits)
                codes.append((member, ErrorCode.none))
            except ApiError as error:
                codes.append((member, error.code))
        draft.reply(waiter, LeaveReply(members=tuple(codes)))
        return self._end(group, draft)

    def expire(self, key: ClassicTimer, now_ms: int) -> Outcome:
        """The timer of this key, as it was set last, has run down."""
        draft = Draft(now_ms)
        group = self._groups.get(key.group_id)
        if group is None:
            return draft.outcome()
        match key:
            case SessionTimer():
                membership.session_expired(group, key.member_id, draft, self.limits)
            case PendingTimer():
                membership.forget_pending(group, key.member_id, draft)
            case RebalanceTimer():
                rebalance.time_is_up(group, draft, self.limits)
            case SyncTimer():
                membership.sync_expired(group, draft, self.limits)
            case CallBackTimer():
                rebalance.call_back(group, draft, self.limits)
        return self._end(group, draft)

    def _group(self, group_id: str) -> Group:
        """Raises ApiError UNKNOWN_MEMBER_ID: a group that is not there has no members; INVALID_GROUP_ID for no id."""
        group = self._groups.get(group_id)
        if group is None:
            raise ApiError(ErrorCode.unknown_member_id if group_id else ErrorCode.invalid_group_id)
        return group

    def _end(self, group: Group, draft: Draft) -> Outcome:
        """Keep the group while there is something to know of it."""
        if group.is_unused and not draft.events:
            self._groups.pop(group.group_id, None)
        else:
            self._groups[group.group_id] = group
        self._weigh(group.group_id)
        return draft.outcome()

    def _weigh(self, group_id: str) -> None:
        group = self._groups.get(group_id)
        self.said_bytes -= self._said.pop(group_id, 0)
        if group is not None:
            self._said[group_id] = group.said_bytes
            self.said_bytes += self._said[group_id]

    def __contains__(self, group_id: str) -> bool:
        return group_id in self._groups

    def group_ids(self) -> Collection[str]:
        return self._groups.keys()

    def get(self, group_id: str) -> Group | None:
        return self._groups.get(group_id)

    def is_empty(self, group_id: str) -> bool:
        """Also where there never were members."""
        group = self._groups.get(group_id)
        return group is None or group.is_in(GroupState.EMPTY)

    def is_subscribed(self, group_id: str, topic: str) -> bool:
        """Members whose subscription cannot be read may want any topic."""
        group = self._groups.get(group_id)
        if group is None:
            return False
        subscriptions = (
            subscribed_topics(group.protocol_type, metadata)
            for member in group.members.values()
            for _, metadata in member.protocols
        )
        return any(topics is None or topic in topics for topics in subscriptions)

    def describe(self, group_id: str) -> DescribedGroup:
        """Where there never were members, an empty one."""
        group = self._groups.get(group_id)
        return DescribedGroup(group_id=group_id, state=GroupState.EMPTY) if group is None else describe(group)

    def deletions_of(self, group_id: str) -> Iterable[Event]:
        """What forgets the group."""
        return [GroupDeleted(group_id=group_id)]

    # State

    def apply(self, event: GroupStored | GroupDeleted) -> None:
        if isinstance(event, GroupStored):
            self._groups.setdefault(event.group_id, Group(group_id=event.group_id)).apply(event)
            self._weigh(event.group_id)
            return
        group = self._groups.pop(event.group_id, None)
        self._weigh(event.group_id)
        if group is not None:
            group.move(GroupState.DEAD, group.state_since_ms)

    def resume(self, draft: Draft) -> None:
        """After replay: give every restored member a whole session for its next request."""
        for group in self._groups.values():
            for member in group.members.values():
                rebalance.watch(group, member, draft)
            if group.members and group.leader is None:
                draft.set_timer(CallBackTimer(group.group_id), 0)

    def release(self, draft: Draft) -> None:
        """Answer all parked requests, so that their members look for the coordinator again."""
        for group in self._groups.values():
            for member in group.members.values():
                rebalance.answer_join(member, draft, ErrorCode.coordinator_not_available)
                rebalance.answer_sync(member, draft, ErrorCode.coordinator_not_available)

    def snapshot(self) -> list[GroupStored]:
        return [group.stored for group in self._groups.values() if group.stored is not None]


def check_join(request: Join, limits: GroupLimits) -> None:
    """Raises ApiError: INVALID_GROUP_ID, INVALID_SESSION_TIMEOUT, INVALID_REQUEST."""
    if not request.group_id or len(request.group_id.encode()) > MAX_STRING_BYTES:
        raise ApiError(ErrorCode.invalid_group_id)
    if not limits.min_session_timeout_ms <= request.session_timeout_ms <= limits.max_session_timeout_ms:
        raise ApiError(ErrorCode.invalid_session_timeout)
    names = (request.instance_id or "", request.protocol_type, *(name for name, _ in request.protocols))
    if any(len(name.encode()) > MAX_STRING_BYTES for name in names):
        raise ApiError(ErrorCode.invalid_request)
