"""The front door of the pure core of streams groups: as `groups/coordinator.py`, every call says what it decided as an
`Outcome`, whose events the caller journals and then applies."""

from __future__ import annotations

from collections.abc import Callable, Collection

from kio.schema.errors import ErrorCode

from logpost_broker.coordinator.outcome import Draft, Outcome, Waiter
from logpost_broker.errors import ApiError
from logpost_broker.groups.modern.groups import ModernGroups, check_epoch, refused
from logpost_broker.groups.streams.assignment import refresh_targets
from logpost_broker.groups.streams.configured_topology import ConfiguredTopology
from logpost_broker.groups.streams.events import StreamsGroupEvent, StreamsMemberState
from logpost_broker.groups.streams.group import StreamsGroup
from logpost_broker.groups.streams.heartbeat import heartbeat, leave
from logpost_broker.groups.streams.listing import DescribedStreamsGroup, describe
from logpost_broker.groups.streams.membership import remove_member
from logpost_broker.groups.streams.messages import (
    JOIN_EPOCH,
    LEAVE_EPOCH,
    StreamsHeartbeat,
    StreamsHeartbeatReply,
)
from logpost_broker.groups.streams.timer_keys import (
    InitialDelayTimer,
    StreamsMemberTimer,
    StreamsRevocationTimer,
    StreamsSessionTimer,
    StreamsTimer,
)
from logpost_broker.groups.streams.unjournaled import Unjournaled
from logpost_broker.groups.streams.validation import check
from logpost_broker.groups.streams.work import Work
from logpost_broker.metadata.group_limits import StreamsGroupLimits
from logpost_broker.metadata.topics_image import TopicsImage


class StreamsGroups(ModernGroups[StreamsGroup, StreamsGroupEvent, StreamsGroupLimits]):
    def __init__(self, limits_of: Callable[[str], StreamsGroupLimits], image: Callable[[], TopicsImage]) -> None:
        super().__init__(StreamsGroup, limits_of, image)
        self._unjournaled: dict[str, Unjournaled] = {}

    def heartbeat(self, request: StreamsHeartbeat, waiter: Waiter, draft: Draft) -> Outcome:
        """Answered with a StreamsHeartbeatReply. `draft` may have events already, of a group that makes room; nothing
        of it is in the answer when the request is refused."""
        try:
            check(request)
            is_leaving = request.member_epoch == LEAVE_EPOCH
            if request.group_id not in self and request.member_epoch != JOIN_EPOCH:
                kind = "Group" if is_leaving else "Streams group"
                raise ApiError(ErrorCode.group_id_not_found, f"{kind} {request.group_id} not found.")
            work = self._work(request.group_id, draft)
            reply = leave(work, request) if is_leaving else heartbeat(work, request)
        except ApiError as error:
            return refused(draft, waiter, StreamsHeartbeatReply(code=error.code, message=error.message))
        self._unjournaled[request.group_id] = work.unjournaled
        draft.reply(waiter, reply)
        return draft.outcome()

    def _work(self, group_id: str, draft: Draft) -> Work:
        unjournaled = self._unjournaled.get(group_id) or Unjournaled()
        return Work(self.to_decide_on(group_id), self._image(), self._limits_of(group_id), draft, unjournaled)

    def expire(self, key: StreamsTimer, now_ms: int) -> Outcome:
        """The timer of this key, as it was set last, has run down."""
        draft = Draft(now_ms)
        if isinstance(key, InitialDelayTimer):
            self._end_delay(key.group_id, draft)
        elif key.group_id in self and self._is_over(self._groups[key.group_id], key):
            remove_member(self._work(key.group_id, draft), key.member_id)
        return draft.outcome()

    @staticmethod
    def _is_over(group: StreamsGroup, key: StreamsMemberTimer) -> bool:
        if key.member_id not in group.members:
            return False
        owes = group.current_of(key.member_id).state is StreamsMemberState.UNREVOKED_TASKS
        return owes or isinstance(key, StreamsSessionTimer)

    def _end_delay(self, group_id: str, draft: Draft) -> None:
        """The group may not be there: the heartbeat that began the delay could not be journaled, or all have left."""
        work = self._work(group_id, draft)
        work.unjournaled.is_delayed = False
        configured = self._configured(work.group)
        if configured is not None and work.group.members:
            refresh_targets(work, configured, is_delayed=False)

    def _configured(self, group: StreamsGroup) -> ConfiguredTopology | None:
        """None where there is no topology, or one that the next heartbeat is going to be refused for."""
        if group.topology is None:
            return None
        unjournaled = self._unjournaled.setdefault(group.group_id, Unjournaled())
        try:
            return unjournaled.configured(group.topology, self._image())
        except ApiError:
            return None

    def check_member(
        self, group_id: str, member_id: str, epoch: int, committed: Collection[tuple[str, int]] = ()
    ) -> None:
        """Whether a member may read offsets, or commit these (topic, partition)s. Anyone may for a group without
        members. Of an earlier epoch it may commit what it has had since then (KIP-1251).

        Raises ApiError: UNKNOWN_MEMBER_ID, STALE_MEMBER_EPOCH.
        """
        group = self._groups[group_id]
        if epoch < 0 and not group.members:
            return
        if member_id not in group.members:
            raise ApiError(ErrorCode.unknown_member_id)
        current = group.current_of(member_id)
        if epoch == current.epoch:
            return
        topology = group.topology
        had_since = [
            current.assignment_epochs.get((topology.subtopology_of(topic) or "", partition)) if topology else None
            for topic, partition in committed
        ]
        check_epoch(epoch, current.epoch, had_since)

    def is_subscribed(self, group_id: str, topic: str) -> bool:
        """Members of the group read this topic."""
        group = self._groups[group_id]
        return bool(group.members) and group.topology is not None and group.topology.subtopology_of(topic) is not None

    def describe(self, group_id: str) -> DescribedStreamsGroup | None:
        """None where there is no such group."""
        group = self._groups.get(group_id)
        return None if group is None else describe(group, self._configured(group))

    # State

    def forget_beside(self, group_id: str) -> None:
        self._unjournaled.pop(group_id, None)

    def resume(self, draft: Draft) -> None:
        """After replay: give every member a whole session, and who owes tasks its whole time to revoke."""
        for group in self._groups.values():
            limits = self._limits_of(group.group_id)
            for member in group.members.values():
                key = (group.group_id, member.member_id)
                draft.set_timer(StreamsSessionTimer(*key), limits.session_timeout_ms)
                if group.current_of(member.member_id).state is StreamsMemberState.UNREVOKED_TASKS:
                    draft.set_timer(StreamsRevocationTimer(*key), member.rebalance_timeout_ms)
