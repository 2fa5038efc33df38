"""The front door of the pure core: groups of three protocols, one id belonging to one of them, and the offsets of all.

Every call says what it decided as an `Outcome` and waits for nothing. A caller journals the outcome's events, calls
`apply` for each, then arms its timers and sends its replies.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from kio.schema.errors import ErrorCode

from logpost_broker.consumer_groups.coordinator import ConsumerGroups
from logpost_broker.consumer_groups.events import ConsumerGroupEvent
from logpost_broker.consumer_groups.messages import JOIN_EPOCH, MemberHeartbeat, MemberHeartbeatReply
from logpost_broker.consumer_groups.timer_keys import MemberTimer
from logpost_broker.errors import ApiError
from logpost_broker.groups import rebalance
from logpost_broker.groups.classic_groups import ClassicGroups, check_join
from logpost_broker.groups.events import (
    Event,
    GroupDeleted,
    GroupStored,
    OffsetCommitted,
)
from logpost_broker.groups.expiration import expired
from logpost_broker.groups.group import Group
from logpost_broker.groups.kinds import GroupKind, GroupKinds
from logpost_broker.groups.limits import MAX_STRING_BYTES, GroupLimits
from logpost_broker.groups.listing import DescribedGroup, ListedGroup
from logpost_broker.groups.messages import (
    Commit,
    CommitReply,
    DeleteReply,
    Heartbeat,
    Join,
    JoinReply,
    LeaveReply,
    LeavingMember,
    Sync,
    TopicPartition,
)
from logpost_broker.groups.offsets import (
    Committed,
    Offsets,
    check_committer,
    check_member_epoch,
    check_offset,
    committed,
    deleted,
)
from logpost_broker.groups.outcome import (
    Draft,
    Outcome,
    TimerKey,
    Waiter,
)
from logpost_broker.groups.subscription import CONSUMER
from logpost_broker.share_groups.member_events import ShareGroupEvent
from logpost_broker.share_groups.membership import ShareGroups
from logpost_broker.share_groups.messages import ShareHeartbeat, ShareHeartbeatReply
from logpost_broker.share_groups.timer_keys import ShareSessionTimer
from logpost_broker.streams_groups.coordinator import StreamsGroups
from logpost_broker.streams_groups.events import StreamsGroupEvent
from logpost_broker.streams_groups.messages import StreamsHeartbeat, StreamsHeartbeatReply
from logpost_broker.streams_groups.timer_keys import StreamsTimer


class GroupCoordinator:
    def __init__(
        self, limits: GroupLimits, consumers: ConsumerGroups, streams: StreamsGroups, shares: ShareGroups
    ) -> None:
        """All of them share journal and timers, and all but the last the offsets."""
        self.limits = limits
        self.classic = ClassicGroups(limits)
        self.consumers = consumers
        self.streams = streams
        self.shares = shares
        self.kinds = GroupKinds()
        self.kinds.register(GroupKind.CONSUMER, self.consumers.__contains__)
        self.kinds.register(GroupKind.STREAMS, self.streams.__contains__)
        self.kinds.register(GroupKind.SHARE, self.shares.__contains__)
        self.kinds.register(GroupKind.CLASSIC, self._is_classic)
        self._offsets = Offsets()

    # Membership

    def join(self, request: Join, waiter: Waiter, now_ms: int) -> Outcome:
        """Answered with a JoinReply, maybe by a later outcome."""
        draft = Draft(now_ms)
        try:
            check_join(request, self.limits)
            if self._has_consumers(request.group_id):
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
        kind = self.kinds.of(request.group_id)
        if kind in (GroupKind.CONSUMER, None):
            return self.consumers.heartbeat(request, waiter, draft)
        if kind is not GroupKind.CLASSIC or request.member_epoch != JOIN_EPOCH:
            message = f"Group {request.group_id} is not a consumer group."
            draft.reply(waiter, MemberHeartbeatReply(code=ErrorCode.group_id_not_found, message=message))
            return draft.outcome()
        draft.events.append(GroupDeleted(group_id=request.group_id))
        group = self.classic.get(request.group_id)
        if group is None or self._is_empty(request.group_id):
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
        kind = self.kinds.of(request.group_id)
        is_room = kind is GroupKind.CLASSIC and request.member_epoch == JOIN_EPOCH and self._is_empty(request.group_id)
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
        if self.kinds.of(request.group_id) not in (GroupKind.SHARE, None):
            message = f"Group {request.group_id} is not a share group."
            draft.reply(waiter, ShareHeartbeatReply(code=ErrorCode.group_id_not_found, message=message))
            return draft.outcome()
        return self.shares.heartbeat(request, waiter, draft)

    def sync(self, request: Sync, waiter: Waiter, now_ms: int) -> Outcome:
        """Answered with a SyncReply, maybe by a later outcome."""
        has_consumers = self._has_consumers(request.group_id)
        sync = self.consumers.classic_sync if has_consumers else self.classic.sync
        return sync(request, waiter, Draft(now_ms))

    def heartbeat(self, request: Heartbeat, waiter: Waiter, now_ms: int) -> Outcome:
        """Answered with a HeartbeatReply."""
        has_consumers = self._has_consumers(request.group_id)
        heartbeat = self.consumers.classic_heartbeat if has_consumers else self.classic.heartbeat
        return heartbeat(request, waiter, Draft(now_ms))

    def leave(self, group_id: str, members: Iterable[LeavingMember], waiter: Waiter, now_ms: int) -> Outcome:
        """Answered with a LeaveReply: a code per member."""
        draft = Draft(now_ms)
        if not group_id:
            draft.reply(waiter, LeaveReply(code=ErrorCode.invalid_group_id))
            return draft.outcome()
        leave = self.consumers.classic_leave if self._has_consumers(group_id) else self.classic.leave
        return leave(group_id, members, waiter, draft)

    def expire(self, key: TimerKey, now_ms: int) -> Outcome:
        """The timer of this key, as it was set last, has run down."""
        if isinstance(key, MemberTimer):
            return self.consumers.expire(key, now_ms)
        if isinstance(key, StreamsTimer):
            return self.streams.expire(key, now_ms)
        if isinstance(key, ShareSessionTimer):
            return self.shares.expire(key, now_ms)
        return self.classic.expire(key, now_ms)

    def _make_room(self, group_id: str, draft: Draft) -> None:
        """A group of a newer protocol without members becomes a classic one. Raises ApiError
        INCONSISTENT_GROUP_PROTOCOL."""
        kind = self.kinds.of(group_id)
        if kind in (GroupKind.CONSUMER, GroupKind.STREAMS) and self._is_empty(group_id):
            draft.events.extend(self._of(group_id).deletions_of(group_id))
        elif kind is not GroupKind.CLASSIC and kind is not None:
            raise ApiError(ErrorCode.inconsistent_group_protocol)

    def _has_consumers(self, group_id: str) -> bool:
        """It is a consumer group with members, whatever protocol they speak."""
        return group_id in self.consumers and not self.consumers.is_empty(group_id)

    def _is_classic(self, group_id: str) -> bool:
        """Groups that only ever committed offsets are classic groups too."""
        is_newer = self._of(group_id) is not self.classic
        return group_id in self.classic or (group_id in self._offsets.group_ids() and not is_newer)

    def _of(self, group_id: str) -> ClassicGroups | ConsumerGroups | StreamsGroups:
        """The groups that this is one of, or would be."""
        newer: tuple[ConsumerGroups | StreamsGroups, ...] = (self.consumers, self.streams)
        return next((groups for groups in newer if group_id in groups), self.classic)

    def _is_known(self, group_id: str) -> bool:
        return self._of(group_id) is not self.classic or self._is_classic(group_id)

    def _is_empty(self, group_id: str) -> bool:
        return self._of(group_id).is_empty(group_id)

    # Offsets

    def commit(self, request: Commit, waiter: Waiter, now_ms: int) -> Outcome:
        """Answered with a CommitReply: a code per partition."""
        draft = Draft(now_ms)
        try:
            if len(request.group_id.encode()) > MAX_STRING_BYTES:
                raise ApiError(ErrorCode.invalid_group_id)
            groups = self._of(request.group_id)
            if isinstance(groups, ClassicGroups):
                check_committer(groups.get(request.group_id), request, draft)
            else:
                check_member_epoch(groups, request)
        except ApiError as error:
            draft.reply(waiter, CommitReply(code=error.code))
            return draft.outcome()
        codes: dict[TopicPartition, ErrorCode] = {}
        for offset in request.offsets:
            code = codes[offset.topic, offset.partition] = check_offset(offset, self.limits)
            if code == ErrorCode.none:
                draft.events.append(committed(request, offset, now_ms))
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
            is_subscribed = self._of(group_id).is_subscribed(group_id, offset.topic)
            return is_subscribed or self._offsets.pending.is_pending(*place)

        group = self.classic.get(group_id)
        committed = self.committed(group_id)
        gone = expired(
            committed.values(), group, is_needed, now_ms=now_ms, retention_ms=self.limits.offsets_retention_ms
        )
        draft.events.extend(deleted(event) for event in gone)
        is_left = len(gone) == len(committed) and not self._offsets.pending.of_group(group_id)
        if is_left and self._is_empty(group_id) and not (group and group.pending):
            draft.events.extend(self._of(group_id).deletions_of(group_id))
        return draft.outcome()

    # Administration

    def group_ids(self) -> list[str]:
        """Sorted; groups that only ever committed offsets are groups too."""
        ids = (
            self.classic.group_ids(),
            self._offsets.group_ids(),
            self.consumers.group_ids(),
            self.streams.group_ids(),
        )
        return sorted(set().union(*ids))

    def listed(self) -> list[ListedGroup]:
        """Sorted by id."""
        return [self._listed(group_id) for group_id in self.group_ids()]

    def _listed(self, group_id: str) -> ListedGroup:
        if (consumer := self.consumers.describe(group_id)) is not None:
            kind, protocol_type, state = GroupKind.CONSUMER, CONSUMER, consumer.state.value
        elif (streams := self.streams.describe(group_id)) is not None:
            kind, protocol_type, state = GroupKind.STREAMS, GroupKind.STREAMS.value, streams.state.value
        else:
            classic = self.classic.describe(group_id)
            kind, protocol_type, state = GroupKind.CLASSIC, classic.protocol_type, classic.state.value
        return ListedGroup(group_id=group_id, kind=kind, protocol_type=protocol_type, state=state)

    def describe(self, group_id: str) -> DescribedGroup | None:
        """None where there is no such classic group."""
        return self.classic.describe(group_id) if self._is_classic(group_id) else None

    def delete_group(self, group_id: str, waiter: Waiter, now_ms: int) -> Outcome:
        """Answered with a DeleteReply: GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP or none."""
        draft = Draft(now_ms)
        if not self._is_known(group_id):
            draft.reply(waiter, DeleteReply(code=ErrorCode.group_id_not_found))
        elif not self._is_empty(group_id):
            draft.reply(waiter, DeleteReply(code=ErrorCode.non_empty_group))
        else:
            draft.events.extend(self._offsets.deletions_of(group_id))
            draft.events.extend(self._of(group_id).deletions_of(group_id))
            draft.reply(waiter, DeleteReply())
        return draft.outcome()

    def delete_offsets(
        self, group_id: str, partitions: Iterable[TopicPartition], waiter: Waiter, now_ms: int
    ) -> Outcome:
        """Answered with a DeleteReply: INVALID_GROUP_ID, GROUP_ID_NOT_FOUND, or GROUP_SUBSCRIBED_TO_TOPIC per
        partition."""
        draft = Draft(now_ms)
        if not group_id:
            draft.reply(waiter, DeleteReply(code=ErrorCode.invalid_group_id))
            return draft.outcome()
        if not self._is_known(group_id):
            draft.reply(waiter, DeleteReply(code=ErrorCode.group_id_not_found))
            return draft.outcome()
        codes = {}
        committed = self._offsets.of(group_id)
        for place in partitions:
            subscribed = self._of(group_id).is_subscribed(group_id, place[0])
            codes[place] = ErrorCode.group_subscribed_to_topic if subscribed else ErrorCode.none
            if not subscribed and place in committed:
                draft.events.append(deleted(committed[place]))
        draft.reply(waiter, DeleteReply(codes=codes))
        return draft.outcome()

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
            self._offsets.apply(event)

    def resume(self, now_ms: int) -> Outcome:
        """After replay: give every restored member a whole session to be heard of."""
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
