"""The front door of the pure core of consumer groups: as `groups/coordinator.py`, every call says what it decided as an
`Outcome`, whose events the caller journals and then applies."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from kio.schema.errors import ErrorCode

from logpost_broker.coordinator.outcome import Draft, Outcome, Waiter
from logpost_broker.coordinator.record_fields import MAX_STRING_BYTES
from logpost_broker.errors import ApiError
from logpost_broker.groups.classic.group import Group
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
from logpost_broker.groups.consumer import classic_members
from logpost_broker.groups.consumer.assignors import ASSIGNORS
from logpost_broker.groups.consumer.downgrade import downgrade
from logpost_broker.groups.consumer.events import ConsumerGroupEvent, MemberState
from logpost_broker.groups.consumer.group import ConsumerGroup
from logpost_broker.groups.consumer.heartbeat import heartbeat, leave
from logpost_broker.groups.consumer.listing import DescribedConsumerGroup, describe
from logpost_broker.groups.consumer.membership import remove_members
from logpost_broker.groups.consumer.messages import (
    JOIN_EPOCH,
    LEAVE_EPOCH,
    LEAVE_STATIC_EPOCH,
    MemberHeartbeat,
    MemberHeartbeatReply,
)
from logpost_broker.groups.consumer.timer_keys import (
    ConsumerTimer,
    MemberSessionTimer,
    MemberSyncTimer,
    RejoinTimer,
    RevocationTimer,
)
from logpost_broker.groups.consumer.upgrade import upgraded
from logpost_broker.groups.consumer.work import Work
from logpost_broker.groups.modern.groups import ModernGroups, check_epoch, refused
from logpost_broker.metadata.group_limits import ConsumerGroupLimits
from logpost_broker.metadata.topics_image import TopicsImage


class ConsumerGroups(ModernGroups[ConsumerGroup, ConsumerGroupEvent, ConsumerGroupLimits]):
    def __init__(self, limits_of: Callable[[str], ConsumerGroupLimits], image: Callable[[], TopicsImage]) -> None:
        super().__init__(ConsumerGroup, limits_of, image)

    def heartbeat(
        self, request: MemberHeartbeat, waiter: Waiter, draft: Draft, upgraded: ConsumerGroup | None = None
    ) -> Outcome:
        """Answered with a MemberHeartbeatReply. `draft` may have events already, of a classic group that makes room or
        becomes this group, `upgraded`. Nothing of it is in the answer when the request is refused."""
        known = upgraded or self._groups.get(request.group_id)
        try:
            _check(request)
            if known is None and request.member_epoch != JOIN_EPOCH:
                raise ApiError(ErrorCode.group_id_not_found, f"Consumer group {request.group_id} not found.")
            group = ConsumerGroup(request.group_id) if known is None else known.copy()
            reply = self._decide(group, request, draft)
        except ApiError as error:
            return refused(draft, waiter, MemberHeartbeatReply(code=error.code, message=error.message))
        draft.reply(waiter, reply)
        return draft.outcome()

    def unresolved(self, group_id: str, regex: str | None) -> set[str]:
        """The regular expressions that a heartbeat with `regex` may ask about every topic."""
        group = self._groups.get(group_id)
        used = set() if group is None else group.used_regexes()
        if self.is_seen(group_id) and (not regex or regex in used):
            return set()
        return used | {regex} if regex else used

    def upgraded(self, classic: Group, draft: Draft) -> ConsumerGroup:
        """The consumer group that a classic group with members becomes, by events of the draft. Raises ApiError
        GROUP_ID_NOT_FOUND for one that cannot."""
        group = ConsumerGroup(classic.group_id)
        for event in upgraded(classic, self._image(), draft.now_ms):
            draft.events.append(event)
            group.apply(event)
        for member in classic.members.values():
            draft.set_timer(MemberSessionTimer(group.group_id, member.member_id), member.session_timeout_ms)
        return group

    def _decide(self, group: ConsumerGroup, request: MemberHeartbeat, draft: Draft) -> MemberHeartbeatReply:
        work = self.work_on(group, draft)
        if request.member_epoch in (LEAVE_EPOCH, LEAVE_STATIC_EPOCH):
            return leave(work, request)
        reply = heartbeat(work, request, is_metadata_seen=self.is_seen(request.group_id))
        self.note_seen(work)
        return reply

    def classic_join(self, request: Join, waiter: Waiter, draft: Draft) -> Outcome:
        """Of a group with members. Answered with a JoinReply."""
        work = self._work(request.group_id, draft)
        try:
            reply = classic_members.join(work, request, is_metadata_seen=self.is_seen(request.group_id))
        except ApiError as error:
            member_id = request.member_id or request.new_member_id
            return refused(draft, waiter, JoinReply(code=error.code, member_id=member_id))
        if work.group.is_classic:
            # It took the place of the last member of the new protocol; it joins the classic group like all of them.
            downgrade(work)
            reply = JoinReply(code=ErrorCode.rebalance_in_progress)
        draft.reply(waiter, reply)
        return draft.outcome()

    def classic_sync(self, request: Sync, waiter: Waiter, draft: Draft) -> Outcome:
        """Answered with a SyncReply."""
        try:
            reply = classic_members.sync(self._work(request.group_id, draft), request)
        except ApiError as error:
            reply = SyncReply(code=error.code)
        draft.reply(waiter, reply)
        return draft.outcome()

    def classic_heartbeat(self, request: Heartbeat, waiter: Waiter, draft: Draft) -> Outcome:
        """Answered with a HeartbeatReply."""
        try:
            code = classic_members.heartbeat(self._groups[request.group_id], request, draft)
        except ApiError as error:
            code = error.code
        draft.reply(waiter, HeartbeatReply(code=code))
        return draft.outcome()

    def classic_leave(self, group_id: str, members: Iterable[LeavingMember], waiter: Waiter, draft: Draft) -> Outcome:
        """Answered with a LeaveReply."""
        work = self._work(group_id, draft)
        leaving: list[str] = []
        codes = []
        for member in members:
            try:
                leaving.append(classic_members.leaving(work.group, member))
                codes.append((member, ErrorCode.none))
            except ApiError as error:
                codes.append((member, error.code))
        if leaving:
            remove_members(work, dict.fromkeys(leaving))
        draft.reply(waiter, LeaveReply(members=tuple(codes)))
        return draft.outcome()

    def _work(self, group_id: str, draft: Draft) -> Work:
        """On a group that is there."""
        return self.work_on(self._groups[group_id].copy(), draft)

    def expire(self, key: ConsumerTimer, now_ms: int) -> Outcome:
        """The timer of this key, as it was set last, has run down."""
        draft = Draft(now_ms)
        group = self._groups.get(key.group_id)
        member = None if group is None else group.members.get(key.member_id)
        if group is None or member is None:
            return draft.outcome()
        match key:
            case MemberSessionTimer():
                is_over = True
            case RevocationTimer():
                is_over = group.current_of(key.member_id).state is MemberState.UNREVOKED_PARTITIONS
            case RejoinTimer() | MemberSyncTimer():
                is_over = member.classic is not None
        if is_over:
            remove_members(self._work(key.group_id, draft), [key.member_id])
        return draft.outcome()

    def check_member(
        self, group_id: str, member_id: str, epoch: int, committed: Collection[tuple[str, int]] = ()
    ) -> None:
        """Whether a member may read offsets, or commit these (topic, partition)s. Anyone may for a group without
        members. Of an earlier epoch it may commit what it has had since then (KIP-1251).

        Raises ApiError: UNKNOWN_MEMBER_ID, STALE_MEMBER_EPOCH; of a member of the classic protocol ILLEGAL_GENERATION.
        """
        group = self._groups[group_id]
        if epoch < 0 and not group.members:
            return
        if member_id not in group.members:
            raise ApiError(ErrorCode.unknown_member_id)
        current = group.current_of(member_id)
        if epoch == current.epoch:
            return
        if group.members[member_id].classic is not None:
            raise ApiError(ErrorCode.illegal_generation)
        topics = self._image().topics
        had_since = [
            current.assignment_epochs.get((topics[topic].id, partition)) if topic in topics else None
            for topic, partition in committed
        ]
        check_epoch(epoch, current.epoch, had_since)

    def is_subscribed(self, group_id: str, topic: str) -> bool:
        return topic in self._groups[group_id].topics()

    def describe(self, group_id: str) -> DescribedConsumerGroup | None:
        """None where there is no such group."""
        group = self._groups.get(group_id)
        return None if group is None else describe(group)

    # State

    def resume(self, draft: Draft) -> None:
        """After replay: give every member a whole session, and who owes partitions its whole time to revoke."""
        for group in self._groups.values():
            limits = self._limits_of(group.group_id)
            for member in group.members.values():
                classic = member.classic
                session_ms = limits.session_timeout_ms if classic is None else classic.session_timeout_ms
                draft.set_timer(MemberSessionTimer(group.group_id, member.member_id), session_ms)
                if classic is None and group.current_of(member.member_id).state is MemberState.UNREVOKED_PARTITIONS:
                    draft.set_timer(RevocationTimer(group.group_id, member.member_id), member.rebalance_timeout_ms)


def _check(request: MemberHeartbeat) -> None:
    """Raises ApiError: INVALID_REQUEST, UNSUPPORTED_ASSIGNOR."""
    for is_wrong, message in (
        (not request.group_id, "GroupId can't be empty."),
        (not request.member_id, "MemberId can't be empty."),
        (request.instance_id == "", "InstanceId can't be empty."),
        (request.rack_id == "", "RackId can't be empty."),
        (request.member_epoch < LEAVE_STATIC_EPOCH, "MemberEpoch is invalid."),
        (
            request.member_epoch == LEAVE_STATIC_EPOCH and request.instance_id is None,
            "InstanceId can't be null.",
        ),
        (_is_too_long(request), f"a string has at most {MAX_STRING_BYTES} bytes"),
    ):
        if is_wrong:
            raise ApiError(ErrorCode.invalid_request, message)
    if request.member_epoch == JOIN_EPOCH:
        _check_join(request)
    if request.server_assignor is not None and request.server_assignor not in ASSIGNORS:
        supported = ", ".join(ASSIGNORS)
        message = f"ServerAssignor {request.server_assignor} is not supported. Supported assignors: {supported}."
        raise ApiError(ErrorCode.unsupported_assignor, message)


def _check_join(request: MemberHeartbeat) -> None:
    if request.rebalance_timeout_ms is None:
        raise ApiError(ErrorCode.invalid_request, "RebalanceTimeoutMs must be provided in first request.")
    if request.owned is None or request.owned:
        raise ApiError(ErrorCode.invalid_request, "TopicPartitions must be empty when (re-)joining.")
    if request.topic_names is None and request.topic_regex is None:
        message = "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining."
        raise ApiError(ErrorCode.invalid_request, message)


def _is_too_long(request: MemberHeartbeat) -> bool:
    texts = (request.group_id, request.member_id, request.instance_id, request.rack_id, request.topic_regex)
    names = request.topic_names or ()
    return any(len(text.encode()) > MAX_STRING_BYTES for text in (*texts, *names) if text is not None)
