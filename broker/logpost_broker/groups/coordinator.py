"""The front door of the pure core: groups of three protocols, one id belonging to one of them, and the offsets of all.

Every call says what it decided as an `Outcome` and waits for nothing. A caller journals the outcome's events, calls
`apply` for each, then arms its timers and sends its replies.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

from kio.schema.errors import ErrorCode

from logpost_broker.coordinator.outcome import Draft, Event, Outcome, Reply, Waiter
from logpost_broker.errors import ApiError
from logpost_broker.groups.classic import rebalance
from logpost_broker.groups.classic.events import GroupDeleted, GroupStored
from logpost_broker.groups.classic.group import Group
from logpost_broker.groups.classic.groups import ClassicGroups, check_join
from logpost_broker.groups.classic.listing import DescribedGroup
from logpost_broker.groups.classic.messages import Heartbeat, Join, JoinReply, Leave, LeaveReply, Sync
from logpost_broker.groups.classic.timer_keys import ClassicTimer
from logpost_broker.groups.consumer.coordinator import ConsumerGroups
from logpost_broker.groups.consumer.events import ConsumerGroupEvent
from logpost_broker.groups.consumer.messages import JOIN_EPOCH, MemberHeartbeat, MemberHeartbeatReply
from logpost_broker.groups.consumer.timer_keys import ConsumerTimer
from logpost_broker.groups.group_table import GroupTable
from logpost_broker.groups.kinds import GroupKind, GroupKinds
from logpost_broker.groups.offset_requests import OffsetRequests
from logpost_broker.groups.offsets.committed import (
    Offsets,
)
from logpost_broker.groups.offsets.events import OffsetEvent
from logpost_broker.groups.offsets.messages import DeleteReply
from logpost_broker.groups.share.coordinator import ShareGroups
from logpost_broker.groups.share.member_events import ShareGroupEvent
from logpost_broker.groups.share.messages import ShareHeartbeat, ShareHeartbeatReply
from logpost_broker.groups.share.timer_keys import ShareSessionTimer
from logpost_broker.groups.streams.coordinator import StreamsGroups
from logpost_broker.groups.streams.events import StreamsGroupEvent
from logpost_broker.groups.streams.messages import StreamsHeartbeat, StreamsHeartbeatReply
from logpost_broker.groups.streams.timer_keys import StreamsTimer
from logpost_broker.metadata.group_limits import GroupLimits


class GroupCoordinator:
    def __init__(
        self,
        limits: GroupLimits,
        consumers: ConsumerGroups,
        streams: StreamsGroups,
        shares: ShareGroups,
        is_full: Callable[[], bool] = lambda: False,
    ) -> None:
        """All of them share journal and timers, and all but the last the offsets. While the journal `is_full` no new
        members and no offsets at new places are taken."""
        self._is_journal_full = is_full
        self.limits = limits
        self.classic = ClassicGroups(limits)
        self.consumers = consumers
        self.streams = streams
        self.shares = shares
        self._offsets = Offsets()
        self.table = GroupTable(self.classic, consumers, streams, self._offsets)
        self.kinds = GroupKinds()
        self.kinds.register(GroupKind.CONSUMER, self.consumers.__contains__)
        self.kinds.register(GroupKind.STREAMS, self.streams.__contains__)
        self.kinds.register(GroupKind.SHARE, self.shares.__contains__)
        self.kinds.register(GroupKind.CLASSIC, self.table.is_classic)
        self.offsets = OffsetRequests(limits, self.table, self.kinds, self._offsets, is_full)

    def _is_full(self) -> bool:
        return self._is_journal_full() or self.classic.said_bytes > self.limits.max_bytes

    def _require_room(self, group_id: str, member_id: str, instance_id: str | None = None) -> None:
        """For a member that joins. Raises ApiError GROUP_MAX_SIZE_REACHED."""
        if self._is_full() and not self._has_member(group_id, member_id, instance_id):
            raise ApiError(ErrorCode.group_max_size_reached, "all groups together hold as much as they may")

    def _has_member(self, group_id: str, member_id: str, instance_id: str | None) -> bool:
        group = self.classic.get(group_id)
        if group is not None:
            return member_id in group.members or group.static_member(instance_id) is not None
        newer = (self.consumers, self.streams, self.shares)
        return any(each.has_member(group_id, member_id) for each in newer)

    # Membership

    def join(self, request: Join, waiter: Waiter, now_ms: int) -> Outcome:
        """Answered with a JoinReply, maybe by a later outcome."""
        draft = Draft(now_ms)
        try:
            check_join(request, self.limits)
            self._require_room(request.group_id, request.member_id, request.instance_id)
            if self.table.has_consumers(request.group_id):
                return self.consumers.classic_join(request, waiter, draft)
            self._make_room(request.group_id, draft)
        except ApiError as error:
            draft.reply(waiter, JoinReply(code=error.code, member_id=request.member_id))
            return draft.outcome()
        return self.classic.join(request, waiter, draft)

    def consumer_heartbeat(self, request: MemberHeartbeat, waiter: Waiter, now_ms: int) -> Outcome:
        """Answered with a MemberHeartbeatReply. A classic group gives its id, and its offsets, to the consumer group of
        the first member that joins; its own members become members of that."""
        draft = Draft(now_ms)
        try:
            self._require_room(request.group_id, request.member_id)
        except ApiError as error:
            draft.reply(waiter, MemberHeartbeatReply(code=error.code, message=error.message))
            return draft.outcome()
        kind = self.kinds.of(request.group_id)
        if kind in (GroupKind.CONSUMER, None):
            return self.consumers.heartbeat(request, waiter, draft)
        if kind is not GroupKind.CLASSIC or request.member_epoch != JOIN_EPOCH:
            message = f"Group {request.group_id} is not a consumer group."
            draft.reply(waiter, MemberHeartbeatReply(code=ErrorCode.group_id_not_found, message=message))
            return draft.outcome()
        draft.events.append(GroupDeleted(group_id=request.group_id))
        group = self.classic.get(request.group_id)
        if group is None or self.table.is_empty(request.group_id):
            return self.consumers.heartbeat(request, waiter, draft)
        return self._upgrade(group, request, waiter, draft)

    def _upgrade(self, group: Group, request: MemberHeartbeat, waiter: Waiter, draft: Draft) -> Outcome:
        try:
            consumers = self.consumers.upgraded(group, draft)
        except ApiError as error:
            draft.events.clear()
            draft.reply(waiter, MemberHeartbeatReply(code=error.code, message=error.message))
            return draft.outcome()
        outcome = self.consumers.heartbeat(request, waiter, draft, consumers)
        if not outcome.events:
            return outcome
        rebalance.end(group, draft)
        return draft.outcome()

    def streams_heartbeat(self, request: StreamsHeartbeat, waiter: Waiter, now_ms: int) -> Outcome:
        """Answered with a StreamsHeartbeatReply. A classic group without members gives its id, and its offsets, to the
        streams group of the first member that joins."""
        draft = Draft(now_ms)
        try:
            self._require_room(request.group_id, request.member_id)
        except ApiError as error:
            draft.reply(waiter, StreamsHeartbeatReply(code=error.code, message=error.message))
            return draft.outcome()
        kind = self.kinds.of(request.group_id)
        is_room = (
            kind is GroupKind.CLASSIC and request.member_epoch == JOIN_EPOCH and self.table.is_empty(request.group_id)
        )
        if kind not in (GroupKind.STREAMS, None) and not is_room:
            message = f"Group {request.group_id} is not a streams group."
            draft.reply(waiter, StreamsHeartbeatReply(code=ErrorCode.group_id_not_found, message=message))
            return draft.outcome()
        if is_room:
            draft.events.append(GroupDeleted(group_id=request.group_id))
        return self.streams.heartbeat(request, waiter, draft)

    def share_heartbeat(self, request: ShareHeartbeat, waiter: Waiter, now_ms: int) -> Outcome:
        """Answered with a ShareHeartbeatReply."""
        draft = Draft(now_ms)
        try:
            self._require_room(request.group_id, request.member_id)
        except ApiError as error:
            draft.reply(waiter, ShareHeartbeatReply(code=error.code, message=error.message))
            return draft.outcome()
        if self.kinds.of(request.group_id) not in (GroupKind.SHARE, None):
            message = f"Group {request.group_id} is not a share group."
            draft.reply(waiter, ShareHeartbeatReply(code=ErrorCode.group_id_not_found, message=message))
            return draft.outcome()
        return self.shares.heartbeat(request, waiter, draft)

    def create_share_group(self, group_id: str, waiter: Waiter, now_ms: int) -> Outcome:
        """A group without members, whose offsets are set before it reads. Answered with a Reply."""
        draft = Draft(now_ms)
        if self._is_full():
            draft.reply(waiter, Reply(code=ErrorCode.group_max_size_reached))
            return draft.outcome()
        if self.kinds.of(group_id) not in (GroupKind.SHARE, None):
            draft.reply(waiter, Reply(code=ErrorCode.group_id_not_found))
            return draft.outcome()
        return self.shares.create(group_id, waiter, draft)

    def sync(self, request: Sync, waiter: Waiter, now_ms: int) -> Outcome:
        """Answered with a SyncReply, maybe by a later outcome."""
        has_consumers = self.table.has_consumers(request.group_id)
        sync = self.consumers.classic_sync if has_consumers else self.classic.sync
        return sync(request, waiter, Draft(now_ms))

    def heartbeat(self, request: Heartbeat, waiter: Waiter, now_ms: int) -> Outcome:
        """Answered with a HeartbeatReply."""
        has_consumers = self.table.has_consumers(request.group_id)
        heartbeat = self.consumers.classic_heartbeat if has_consumers else self.classic.heartbeat
        return heartbeat(request, waiter, Draft(now_ms))

    def leave(self, request: Leave, waiter: Waiter, now_ms: int) -> Outcome:
        """Answered with a LeaveReply: a code per member."""
        group_id, members = request.group_id, request.members
        draft = Draft(now_ms)
        if not group_id:
            draft.reply(waiter, LeaveReply(code=ErrorCode.invalid_group_id))
            return draft.outcome()
        leave = self.consumers.classic_leave if self.table.has_consumers(group_id) else self.classic.leave
        return leave(group_id, members, waiter, draft)

    def expire(self, key: Hashable, now_ms: int) -> Outcome:
        """The timer of this key, as it was set last, has run down."""
        if isinstance(key, ConsumerTimer):
            return self.consumers.expire(key, now_ms)
        if isinstance(key, StreamsTimer):
            return self.streams.expire(key, now_ms)
        if isinstance(key, ShareSessionTimer):
            return self.shares.expire(key, now_ms)
        assert isinstance(key, ClassicTimer)
        return self.classic.expire(key, now_ms)

    def _make_room(self, group_id: str, draft: Draft) -> None:
        """A group of a newer protocol without members becomes a classic one. Raises ApiError
        INCONSISTENT_GROUP_PROTOCOL."""
        kind = self.kinds.of(group_id)
        if kind in (GroupKind.CONSUMER, GroupKind.STREAMS) and self.table.is_empty(group_id):
            draft.events.extend(self.table.of(group_id).deletions_of(group_id))
        elif kind is not GroupKind.CLASSIC and kind is not None:
            raise ApiError(ErrorCode.inconsistent_group_protocol)

    # Administration

    def describe(self, group_id: str) -> DescribedGroup | None:
        """None where there is no such classic group."""
        return self.classic.describe(group_id) if self.table.is_classic(group_id) else None

    def has_members(self, group_id: str) -> bool:
        return not self.table.is_empty(group_id)

    def delete_group(self, group_id: str, waiter: Waiter, now_ms: int) -> Outcome:
        """Answered with a DeleteReply: GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP or none."""
        draft = Draft(now_ms)
        if not self.table.is_known(group_id):
            draft.reply(waiter, DeleteReply(code=ErrorCode.group_id_not_found))
        elif not self.table.is_empty(group_id):
            draft.reply(waiter, DeleteReply(code=ErrorCode.non_empty_group))
        else:
            draft.events.extend(self._offsets.deletions_of(group_id))
            draft.events.extend(self.table.of(group_id).deletions_of(group_id))
            draft.reply(waiter, DeleteReply())
        return draft.outcome()

    def check_consumer(self, group_id: str, member_id: str, epoch: int) -> None:
        """Whether a member of a consumer or streams group may read offsets. Raises ApiError: UNKNOWN_MEMBER_ID,
        STALE_MEMBER_EPOCH."""
        for groups in (self.consumers, self.streams):
            if group_id in groups:
                groups.check_member(group_id, member_id, epoch)

    def has_consumer(self, group_id: str, member_id: str) -> bool:
        """Whether it is a member of a consumer or streams group."""
        return any(groups.has_member(group_id, member_id) for groups in (self.consumers, self.streams))

    # Journal

    def apply(self, event: Event) -> None:
        """Make an event's change: right after it was journaled, and at replay."""
        if isinstance(event, GroupStored | GroupDeleted):
            self.classic.apply(event)
        elif isinstance(event, ConsumerGroupEvent):
            self.consumers.apply(event)
        elif isinstance(event, StreamsGroupEvent):
            self.streams.apply(event)
        elif isinstance(event, ShareGroupEvent):
            self.shares.apply(event)
        else:
            assert isinstance(event, OffsetEvent)
            self._offsets.apply(event)

    def resume(self, now_ms: int) -> Outcome:
        """After replay: give every restored member a whole session for its next request."""
        draft = Draft(now_ms)
        self.classic.resume(draft)
        self.consumers.resume(draft)
        self.streams.resume(draft)
        self.shares.resume(draft)
        return draft.outcome()

    def release(self, now_ms: int) -> Outcome:
        """The coordinator goes away: answer all parked requests, so that their members look for it again."""
        draft = Draft(now_ms)
        self.classic.release(draft)
        return draft.outcome()

    def snapshot(self) -> list[Event]:
        """The journaled state as events: applied to nothing, or to any earlier part of the journal, they give it."""
        groups = (self.classic, self.consumers, self.streams, self.shares)
        return [*(event for of_kind in groups for event in of_kind.snapshot()), *self._offsets.all()]
