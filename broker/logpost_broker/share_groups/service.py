"""Share groups of a running broker: members with their sessions, and what they are given."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from kio.schema.errors import ErrorCode

from logpost_broker.configs.group import share_limits
from logpost_broker.configs.store import ResourceType
from logpost_broker.errors import ApiError
from logpost_broker.groups.kinds import GroupKind
from logpost_broker.groups.listing import ListedGroup
from logpost_broker.groups.service import GroupService
from logpost_broker.journal import SNAPSHOT_BYTES
from logpost_broker.node import Node
from logpost_broker.share_groups.delivery import ShareDelivery
from logpost_broker.share_groups.limits import ShareLimits
from logpost_broker.share_groups.membership import (
    ShareGroup,
    ShareGroupState,
    ShareHeartbeat,
    ShareHeartbeatReply,
    ShareMembership,
    Topics,
)
from logpost_broker.share_groups.sessions import ShareSession, ShareSessions
from logpost_broker.topics import Topic

PROTOCOL_TYPE = "share"
EXPIRY_CHECK_SECONDS = 1.0

logger = logging.getLogger("broker")


class ShareGroupService:
    def __init__(self, node: Node, limits: ShareLimits | None = None, snapshot_bytes: int = SNAPSHOT_BYTES) -> None:
        self._node = node
        self._limits = limits or ShareLimits()
        self.delivery = ShareDelivery(node, self.limits, snapshot_bytes)
        self.sessions = ShareSessions(self._limits.max_share_sessions, self._limits.session_timeout_ms)
        self._membership = ShareMembership(self.limits)
        self._kinds = node.service(GroupService).kinds
        self._expiry: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        self.delivery.start()
        self._kinds.register(GroupKind.SHARE, lambda group_id: self.describe(group_id) is not None)

    async def stop(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        self.delivery.stop()

    def topics_deleted(self, topics: Sequence[Topic]) -> None:
        gone = {topic.id for topic in topics}
        try:
            self.delivery.forget([place for place, _ in self.delivery.states if place.topic_id in gone])
        except ApiError as error:
            logger.error("share groups keep the state of deleted topics until the next start: %s", error)

    def limits(self, group_id: str) -> ShareLimits:
        """Of this group, as it is configured now."""
        return share_limits(self._limits, self._node.resource_configs.of(ResourceType.GROUP, group_id))

    # Members

    def heartbeat(self, request: ShareHeartbeat) -> ShareHeartbeatReply:
        """Raises ApiError as ShareMembership.heartbeat; GROUP_ID_NOT_FOUND for a group of another type."""
        if self._kinds.of(request.group_id) not in (None, GroupKind.SHARE):
            raise ApiError(ErrorCode.group_id_not_found, f"group {request.group_id} is not a share group")
        reply = self._membership.heartbeat(request, self._topics(), self._node.now_ms())
        # A member that leaves closes its session by itself, after what it still has to acknowledge.
        if self._expiry is None:
            self._check_later()
        return reply

    def _topics(self) -> Topics:
        return {topic.name: (topic.id, topic.partitions) for topic in self._node.topics}

    def _check_later(self) -> None:
        self._expiry = asyncio.get_running_loop().call_later(EXPIRY_CHECK_SECONDS, self._expire)

    def _expire(self) -> None:
        self._expiry = None
        for group_id, member_id in self._membership.expire(self._topics(), self._node.now_ms()):
            logger.info("member %s of share group %s was not heard of in time", member_id, group_id)
            self.end_session(group_id, member_id)
        if any(group.members for group in self._membership.groups.values()):
            self._check_later()

    def end_session(self, group_id: str, member_id: str) -> None:
        """Others may have what the member had."""
        self.sessions.close(group_id, member_id)
        try:
            self.delivery.release(group_id, member_id)
        except ApiError as error:
            logger.error("what %s had is free only when its locks end: %s", member_id, error)

    def lose_session(self, group_id: str, member_id: str, session: ShareSession) -> None:
        """The connection that it was opened by is gone."""
        if self.sessions.is_open(group_id, member_id, session) and not self._node.is_stopping:
            self.end_session(group_id, member_id)

    # Groups

    def group_ids(self) -> list[str]:
        """Sorted; a group that has lost its members is one until it is deleted, and one with offsets."""
        return sorted(self._membership.groups.keys() | self.delivery.states.group_ids())

    def listed(self) -> list[ListedGroup]:
        groups = ((group_id, self.describe(group_id)) for group_id in self.group_ids())
        return [
            ListedGroup(group_id=group_id, kind=GroupKind.SHARE, protocol_type=PROTOCOL_TYPE, state=group.state.value)
            for group_id, group in groups
            if group is not None
        ]

    def describe(self, group_id: str) -> ShareGroup | None:
        """None where there is no such group."""
        group = self._membership.groups.get(group_id)
        return ShareGroup() if group is None and group_id in self.delivery.states.group_ids() else group

    def delete_group(self, group_id: str) -> None:
        """Raises ApiError: GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP, KAFKA_STORAGE_ERROR."""
        self.require_empty(group_id)
        self.delivery.forget(self.delivery.states.places(group_id))
        self._membership.groups.pop(group_id, None)

    def require_empty(self, group_id: str) -> None:
        """Raises ApiError: GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP."""
        group = self.describe(group_id)
        if group is None:
            raise ApiError(ErrorCode.group_id_not_found, f"group {group_id} is not found")
        if group.state is not ShareGroupState.EMPTY:
            raise ApiError(ErrorCode.non_empty_group, f"group {group_id} has members")
