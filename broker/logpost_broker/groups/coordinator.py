"""The front door of the pure core: every call says what it decided as an `Outcome` and waits for nothing.

A caller journals the outcome's events, calls `apply` for each, then arms its timers and sends its replies. What members
and timers do between two journaled states is kept here only: after a crash the group is what was journaled last, and
its members find out by their generation.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from kio.schema.errors import ErrorCode

from logpost_broker.consumer_groups.coordinator import ConsumerGroups
from logpost_broker.consumer_groups.events import ConsumerGroupEvent
from logpost_broker.consumer_groups.messages import JOIN_EPOCH, MemberHeartbeat, MemberHeartbeatReply
from logpost_broker.consumer_groups.timer_keys import MemberTimer
from logpost_broker.errors import ApiError
from logpost_broker.groups import joining, membership, rebalance
from logpost_broker.groups.events import (
    Event,
    GroupDeleted,
    GroupStored,
    OffsetCommitted,
    OffsetPending,
)
from logpost_broker.groups.expiration import expired
from logpost_broker.groups.group import Group
from logpost_broker.groups.kinds import GroupKind, GroupKinds
from logpost_broker.groups.limits import MAX_STRING_BYTES, GroupLimits
from logpost_broker.groups.listing import DescribedGroup, ListedGroup, describe
from logpost_broker.groups.messages import (
    Commit,
    CommitReply,
    DeleteReply,
    Heartbeat,
    HeartbeatReply,
    Join,
    JoinReply,
    LeaveReply,
    LeavingMember,
    OffsetToCommit,
    Sync,
    SyncReply,
    TopicPartition,
)
from logpost_broker.groups.offsets import Committed, Offsets, check_committer, check_member_epoch, check_offset, deleted
from logpost_broker.groups.outcome import (
    CallBackTimer,
    Draft,
    Outcome,
    PendingTimer,
    RebalanceTimer,
    SessionTimer,
    SyncTimer,
    TimerKey,
    Waiter,
)
from logpost_broker.groups.states import GroupState
from logpost_broker.groups.subscription import CONSUMER, subscribed_topics
from logpost_broker.streams_groups.coordinator import StreamsGroups
from logpost_broker.streams_groups.events import StreamsGroupEvent
from logpost_broker.streams_groups.messages import StreamsHeartbeat, StreamsHeartbeatReply
from logpost_broker.streams_groups.timer_keys import StreamsTimer


class GroupCoordinator:
    def __init__(self, limits: GroupLimits, consumers: ConsumerGroups, streams: StreamsGroups) -> None:
        """`consumers`, `streams`: the groups of the newer protocols, which share journal, timers and offsets with
        these."""
        self.limits = limits
        self.consumers = consumers
        self.streams = streams
        self.kinds = GroupKinds()
        self.kinds.register(GroupKind.CONSUMER, self.consumers.__contains__)
        self.kinds.register(GroupKind.STREAMS, self.streams.__contains__)
        self.kinds.register(GroupKind.CLASSIC, self._is_classic)
        self._groups: dict[str, Group] = {}
        self._offsets = Offsets()

    # Membership

    def join(self, request: Join, waiter: Waiter, now_ms: int) -> Outcome:
        """Answered with a JoinReply, maybe by a later outcome."""
        draft = Draft(now_ms)
        group = self._groups.get(request.group_id) or Group(group_id=request.group_id)
        try:
            self._check_join(request)
            if self._has_consumers(request.group_id):
                return self.consumers.classic_join(request, waiter, draft)
            self._make_room(request.group_id, draft)
            joining.join(group, request, waiter, draft, self.limits)
        except ApiError as error:
            draft.reply(waiter, JoinReply(code=error.code, member_id=request.member_id))
        return self._end(group, draft)

    def consumer_heartbeat(self, request: MemberHeartbeat, waiter: Waiter, now_ms: int) -> Outcome:
        """Answered with a MemberHeartbeatReply. A classic group gives its id, and its offsets, to the consumer group of
        the first member that joins; its own members become members of that."""
        draft = Draft(now_ms)
        kind = self.kinds.of(request.group_id)
        if kind in (GroupKind.CONSUMER, None):
            return self.consumers.heartbeat(request, waiter, draft)
        if kind is not GroupKind.CLASSIC or request.member_epoch != JOIN_EPOCH:
            message = f"Group {request.group_id} is not a consumer group."
            draft.reply(waiter, MemberHeartbeatReply(code=ErrorCode.group_id_not_found, message=message))
            return draft.outcome()
        draft.events.append(GroupDeleted(group_id=request.group_id))
        if self._is_empty(request.group_id):
            return self.consumers.heartbeat(request, waiter, draft)
        return self._upgrade(self._groups[request.group_id], request, waiter, draft)

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
        kind = self.kinds.of(request.group_id)
        is_room = kind is GroupKind.CLASSIC and request.member_epoch == JOIN_EPOCH and self._is_empty(request.group_id)
        if kind not in (GroupKind.STREAMS, None) and not is_room:
            message = f"Group {request.group_id} is not a streams group."
            draft.reply(waiter, StreamsHeartbeatReply(code=ErrorCode.group_id_not_found, message=message))
            return draft.outcome()
        if is_room:
            draft.events.append(GroupDeleted(group_id=request.group_id))
        return self.streams.heartbeat(request, waiter, draft)

    def sync(self, request: Sync, waiter: Waiter, now_ms: int) -> Outcome:
        """Answered with a SyncReply, maybe by a later outcome."""
        draft = Draft(now_ms)
        if self._has_consumers(request.group_id):
            return self.consumers.classic_sync(request, waiter, draft)
        try:
            membership.sync(self._group(request.group_id), request, waiter, draft)
        except ApiError as error:
            draft.reply(waiter, SyncReply(code=error.code))
        return draft.outcome()

    def heartbeat(self, request: Heartbeat, waiter: Waiter, now_ms: int) -> Outcome:
        """Answered with a HeartbeatReply."""
        draft = Draft(now_ms)
        if self._has_consumers(request.group_id):
            return self.consumers.classic_heartbeat(request, waiter, draft)
        try:
            code = membership.heartbeat(self._group(request.group_id), request, draft)
        except ApiError as error:
            code = error.code
        draft.reply(waiter, HeartbeatReply(code=code))
        return draft.outcome()

    def leave(self, group_id: str, members: Iterable[LeavingMember], waiter: Waiter, now_ms: int) -> Outcome:
        """Answered with a LeaveReply: a code per member."""
        draft = Draft(now_ms)
        if self._has_consumers(group_id):
            return self.consumers.classic_leave(group_id, members, waiter, draft)
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

    def expire(self, key: TimerKey, now_ms: int) -> Outcome:
        """The timer of this key, as it was set last, has run down."""
        if isinstance(key, MemberTimer):
            return self.consumers.expire(key, now_ms)
        if isinstance(key, StreamsTimer):
            return self.streams.expire(key, now_ms)
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

    def _check_join(self, request: Join) -> None:
        if not request.group_id or len(request.group_id.encode()) > MAX_STRING_BYTES:
            raise ApiError(ErrorCode.invalid_group_id)
        limits = self.limits
        if not limits.min_session_timeout_ms <= request.session_timeout_ms <= limits.max_session_timeout_ms:
            raise ApiError(ErrorCode.invalid_session_timeout)
        names = (request.instance_id or "", request.protocol_type, *(name for name, _ in request.protocols))
        if any(len(name.encode()) > MAX_STRING_BYTES for name in names):
            raise ApiError(ErrorCode.invalid_request)

    def _make_room(self, group_id: str, draft: Draft) -> None:
        """A group of a newer protocol without members becomes a classic one. Raises ApiError
        INCONSISTENT_GROUP_PROTOCOL."""
        kind = self.kinds.of(group_id)
        if kind in (GroupKind.CONSUMER, GroupKind.STREAMS) and self._is_empty(group_id):
            draft.events.extend(self._deletions_of(group_id))
        elif kind is not GroupKind.CLASSIC and kind is not None:
            raise ApiError(ErrorCode.inconsistent_group_protocol)

    def _has_consumers(self, group_id: str) -> bool:
        """It is a consumer group with members, whatever protocol they speak."""
        return group_id in self.consumers and not self.consumers.is_empty(group_id)

    def _is_classic(self, group_id: str) -> bool:
        """Groups that only ever committed offsets are classic groups too."""
        return group_id in self._groups or (group_id in self._offsets.group_ids() and self._newer(group_id) is None)

    def _newer(self, group_id: str) -> ConsumerGroups | StreamsGroups | None:
        """The groups of a newer protocol that this is one of."""
        return next((groups for groups in (self.consumers, self.streams) if group_id in groups), None)

    def _is_empty(self, group_id: str) -> bool:
        """Of a group that is there."""
        newer = self._newer(group_id)
        if newer is not None:
            return newer.is_empty(group_id)
        group = self._groups.get(group_id)
        return group is None or group.is_in(GroupState.EMPTY)

    def _group(self, group_id: str) -> Group:
        """Raises ApiError UNKNOWN_MEMBER_ID: a group that is not there has no members."""
        group = self._groups.get(group_id)
        if group is None:
            raise ApiError(ErrorCode.unknown_member_id)
        return group

    def _end(self, group: Group, draft: Draft) -> Outcome:
        """Keep the group while there is something to know of it."""
        if group.is_unused and not draft.events:
            self._groups.pop(group.group_id, None)
        else:
            self._groups[group.group_id] = group
        return draft.outcome()

    # Offsets

    def commit(self, request: Commit, waiter: Waiter, now_ms: int) -> Outcome:
        """Answered with a CommitReply: a code per partition."""
        draft = Draft(now_ms)
        try:
            if len(request.group_id.encode()) > MAX_STRING_BYTES:
                raise ApiError(ErrorCode.invalid_group_id)
            newer = self._newer(request.group_id)
            if newer is not None:
                check_member_epoch(newer, request)
            else:
                check_committer(self._groups.get(request.group_id), request, draft)
        except ApiError as error:
            draft.reply(waiter, CommitReply(code=error.code))
            return draft.outcome()
        codes: dict[TopicPartition, ErrorCode] = {}
        for offset in request.offsets:
            code = codes[offset.topic, offset.partition] = check_offset(offset, self.limits)
            if code == ErrorCode.none:
                draft.events.append(_committed(request, offset, now_ms))
        draft.reply(waiter, CommitReply(codes=codes))
        return draft.outcome()

    def is_pending(self, group_id: str, topic: str, partition: int) -> bool:
        """A transaction that is not decided has an offset of the group there."""
        return self._offsets.pending.is_pending(group_id, topic, partition)

    def committed(self, group_id: str) -> Committed:
        """(topic, partition) → the group's committed offset."""
        return self._offsets.of(group_id)

    def topics_with_offsets(self) -> set[str]:
        return self._offsets.topics()

    def forget_topics(self, topics: Collection[str]) -> Outcome:
        """The topics are gone: so are all offsets in them, before a new topic takes the name."""
        return Outcome(events=tuple(self._offsets.deletions_in(topics)))

    def expire_offsets(self, group_id: str, now_ms: int) -> Outcome:
        """Forget what nobody has needed for `offsets_retention_ms`, and the group itself when that was all of it."""
        draft = Draft(now_ms)

        def is_needed(offset: OffsetCommitted) -> bool:
            place = (group_id, offset.topic, offset.partition)
            return self._offsets.pending.is_pending(*place) or self._is_subscribed(group_id, offset.topic)

        group = self._groups.get(group_id)
        committed = self.committed(group_id)
        gone = expired(
            committed.values(), group, is_needed, now_ms=now_ms, retention_ms=self.limits.offsets_retention_ms
        )
        draft.events.extend(deleted(event) for event in gone)
        is_left = len(gone) == len(committed) and not self._offsets.pending.of_group(group_id)
        if is_left and self._is_empty(group_id) and not (group and group.pending):
            draft.events.extend(self._deletions_of(group_id))
        return draft.outcome()

    # Administration

    def group_ids(self) -> list[str]:
        """Sorted; groups that only ever committed offsets are groups too."""
        ids = (self._groups, self._offsets.group_ids(), self.consumers.group_ids(), self.streams.group_ids())
        return sorted(set().union(*ids))

    def listed(self) -> list[ListedGroup]:
        """Sorted by id."""
        return [self._listed(group_id) for group_id in self.group_ids()]

    def _listed(self, group_id: str) -> ListedGroup:
        consumer = self.consumers.describe(group_id)
        if consumer is not None:
            return ListedGroup(
                group_id=group_id, kind=GroupKind.CONSUMER, protocol_type=CONSUMER, state=consumer.state.value
            )
        streams = self.streams.describe(group_id)
        if streams is not None:
            kind = GroupKind.STREAMS
            return ListedGroup(group_id=group_id, kind=kind, protocol_type=kind.value, state=streams.state.value)
        classic = self.describe(group_id)
        assert classic is not None
        return ListedGroup(
            group_id=group_id,
            kind=GroupKind.CLASSIC,
            protocol_type=classic.protocol_type,
            state=classic.state.value,
        )

    def describe(self, group_id: str) -> DescribedGroup | None:
        """None where there is no such classic group."""
        group = self._groups.get(group_id)
        if group is not None:
            return describe(group)
        if self._is_classic(group_id):
            return DescribedGroup(group_id=group_id, state=GroupState.EMPTY)
        return None

    def delete_group(self, group_id: str, waiter: Waiter, now_ms: int) -> Outcome:
        """Answered with a DeleteReply: GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP or none."""
        draft = Draft(now_ms)
        if self._newer(group_id) is None and not self._is_classic(group_id):
            draft.reply(waiter, DeleteReply(code=ErrorCode.group_id_not_found))
        elif not self._is_empty(group_id):
            draft.reply(waiter, DeleteReply(code=ErrorCode.non_empty_group))
        else:
            draft.events.extend(self._offsets.deletions_of(group_id))
            draft.events.extend(self._deletions_of(group_id))
            draft.reply(waiter, DeleteReply())
        return draft.outcome()

    def _deletions_of(self, group_id: str) -> Iterable[Event]:
        """What forgets the group, but for its offsets."""
        newer = self._newer(group_id)
        if newer is not None:
            return newer.deletions_of(group_id)
        return [GroupDeleted(group_id=group_id)]

    def delete_offsets(
        self, group_id: str, partitions: Iterable[TopicPartition], waiter: Waiter, now_ms: int
    ) -> Outcome:
        """Answered with a DeleteReply: GROUP_ID_NOT_FOUND, or GROUP_SUBSCRIBED_TO_TOPIC per partition."""
        draft = Draft(now_ms)
        if self._newer(group_id) is None and not self._is_classic(group_id):
            draft.reply(waiter, DeleteReply(code=ErrorCode.group_id_not_found))
            return draft.outcome()
        codes = {}
        committed = self._offsets.of(group_id)
        for place in partitions:
            subscribed = self._is_subscribed(group_id, place[0])
            codes[place] = ErrorCode.group_subscribed_to_topic if subscribed else ErrorCode.none
            if not subscribed and place in committed:
                draft.events.append(deleted(committed[place]))
        draft.reply(waiter, DeleteReply(codes=codes))
        return draft.outcome()

    def _is_subscribed(self, group_id: str, topic: str) -> bool:
        """Members whose subscription cannot be read may want any topic."""
        newer = self._newer(group_id)
        if newer is not None:
            return newer.is_subscribed(group_id, topic)
        group = self._groups.get(group_id)
        if group is None:
            return False
        subscriptions = (
            subscribed_topics(group.protocol_type, metadata)
            for member in group.members.values()
            for _, metadata in member.protocols
        )
        return any(topics is None or topic in topics for topics in subscriptions)

    # Journal

    def apply(self, event: Event) -> None:
        """Make an event's change: right after it was journaled, and at replay."""
        if isinstance(event, GroupStored):
            self._groups.setdefault(event.group_id, Group(group_id=event.group_id)).apply(event)
        elif isinstance(event, GroupDeleted):
            group = self._groups.pop(event.group_id, None)
            if group is not None:
                group.move(GroupState.DEAD, group.state_since_ms)
        elif isinstance(event, ConsumerGroupEvent):
            self.consumers.apply(event)
        elif isinstance(event, StreamsGroupEvent):
            self.streams.apply(event)
        else:
            self._offsets.apply(event)

    def resume(self, now_ms: int) -> Outcome:
        """After replay: give every restored member a whole session to be heard of."""
        draft = Draft(now_ms)
        for group in self._groups.values():
            for member in group.members.values():
                rebalance.watch(group, member, draft)
            if group.members and group.leader is None:
                draft.set_timer(CallBackTimer(group.group_id), 0)
        self.consumers.resume(draft)
        self.streams.resume(draft)
        return draft.outcome()

    def release(self, now_ms: int) -> Outcome:
        """The coordinator goes away: answer all parked requests, so that their members look for it again."""
        draft = Draft(now_ms)
        for group in self._groups.values():
            for member in group.members.values():
                rebalance.answer_join(member, draft, ErrorCode.coordinator_not_available)
                rebalance.answer_sync(member, draft, ErrorCode.coordinator_not_available)
        return draft.outcome()

    def snapshot(self) -> list[Event]:
        """The journaled state as events: applied to nothing, or to any earlier part of the journal, they give it."""
        groups = [group.stored for group in self._groups.values() if group.stored is not None]
        return [*groups, *self.consumers.snapshot(), *self.streams.snapshot(), *self._offsets.all()]


def _committed(request: Commit, offset: OffsetToCommit, now_ms: int) -> OffsetCommitted | OffsetPending:
    committed = OffsetCommitted(
        group_id=request.group_id,
        topic=offset.topic,
        partition=offset.partition,
        offset=offset.offset,
        leader_epoch=offset.leader_epoch,
        metadata=offset.metadata,
        commit_timestamp_ms=now_ms,
    )
    return committed if request.producer is None else OffsetPending(producer=request.producer, offset=committed)
