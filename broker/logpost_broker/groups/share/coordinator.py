"""The front door of the pure core of share groups' members: as `groups/coordinator.py`, every call says what it decided
as an `Outcome`, whose events the caller journals and then applies."""

from __future__ import annotations

from collections.abc import Callable

from kio.schema.errors import ErrorCode

from logpost_broker.coordinator.outcome import Draft, Outcome, Reply, Waiter
from logpost_broker.errors import ApiError
from logpost_broker.groups.modern.groups import ModernGroups, refused
from logpost_broker.groups.offsets.messages import DeleteReply
from logpost_broker.groups.share.group import ShareGroup
from logpost_broker.groups.share.heartbeat import check, heartbeat, leave, remove_member
from logpost_broker.groups.share.member_events import ShareGroupEvent, ShareGroupStored
from logpost_broker.groups.share.messages import JOIN_EPOCH, LEAVE_EPOCH, ShareHeartbeat, ShareHeartbeatReply
from logpost_broker.groups.share.timer_keys import ShareSessionTimer
from logpost_broker.metadata.group_limits import ShareLimits
from logpost_broker.metadata.topics_image import TopicsImage


class ShareGroups(ModernGroups[ShareGroup, ShareGroupEvent, ShareLimits]):
    def __init__(self, limits_of: Callable[[str], ShareLimits], image: Callable[[], TopicsImage]) -> None:
        super().__init__(ShareGroup, limits_of, image)

    def heartbeat(self, request: ShareHeartbeat, waiter: Waiter, draft: Draft) -> Outcome:
        """Answered with a ShareHeartbeatReply."""
        try:
            reply = self._decide(request, draft)
        except ApiError as error:
            return refused(draft, waiter, ShareHeartbeatReply(code=error.code, message=error.message))
        draft.reply(waiter, reply)
        return draft.outcome()

    def _decide(self, request: ShareHeartbeat, draft: Draft) -> ShareHeartbeatReply:
        check(request)
        if request.group_id not in self and request.member_epoch != JOIN_EPOCH:
            raise ApiError(ErrorCode.group_id_not_found, f"Share group {request.group_id} not found.")
        work = self.work_on(self.to_decide_on(request.group_id), draft)
        if request.member_epoch == LEAVE_EPOCH:
            return leave(work, request)
        reply = heartbeat(work, request, is_metadata_seen=self.is_seen(request.group_id))
        self.note_seen(work)
        return reply

    def expire(self, key: ShareSessionTimer, now_ms: int) -> Outcome:
        """The timer of this key, as it was set last, has run down."""
        draft = Draft(now_ms)
        if self.has_member(key.group_id, key.member_id):
            remove_member(self.work_on(self.to_decide_on(key.group_id), draft), key.member_id)
        return draft.outcome()

    def create(self, group_id: str, waiter: Waiter, draft: Draft) -> Outcome:
        """Answered with a Reply, also where the group is there."""
        if group_id not in self:
            draft.events.append(ShareGroupStored(group_id=group_id, epoch=ShareGroup.FIRST_EPOCH, metadata_hash=0))
        draft.reply(waiter, Reply())
        return draft.outcome()

    def delete(self, group_id: str, waiter: Waiter, now_ms: int) -> Outcome:
        """Answered with a DeleteReply: NON_EMPTY_GROUP or none, also for a group that nobody knows."""
        draft = Draft(now_ms)
        group = self._groups.get(group_id)
        if group is not None and group.members:
            draft.reply(waiter, DeleteReply(code=ErrorCode.non_empty_group))
            return draft.outcome()
        draft.events.extend(() if group is None else group.tombstones())
        draft.reply(waiter, DeleteReply())
        return draft.outcome()

    def describe(self, group_id: str) -> ShareGroup | None:
        """None where there is no such group."""
        return self._groups.get(group_id)

    # State

    def resume(self, draft: Draft) -> None:
        """After replay: give every member a whole session."""
        for group in self._groups.values():
            for member_id in group.members:
                key = ShareSessionTimer(group.group_id, member_id)
                draft.set_timer(key, self._limits_of(group.group_id).session_timeout_ms)
