"""Share groups of a running broker: members, which the group coordinator has, with their sessions, and what they are
given."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from kio.schema.errors import ErrorCode

from logpost_broker.coordinator.journal import SNAPSHOT_BYTES
from logpost_broker.coordinator.outcome import Reply
from logpost_broker.errors import ApiError
from logpost_broker.groups.kinds import GroupKind, ListedGroup
from logpost_broker.groups.offsets.messages import DeleteReply
from logpost_broker.groups.service import GroupService
from logpost_broker.groups.share.delivery import ShareDelivery
from logpost_broker.groups.share.group import ShareGroupState
from logpost_broker.groups.share.sessions import ShareSession, ShareSessions
from logpost_broker.metadata.topics import Topic
from logpost_broker.partitions.partitions import Partitions
from logpost_broker.steps import in_parts

PROTOCOL_TYPE = "share"
FORGOTTEN_AT_ONCE = 250
"""Share partitions that one write forgets."""

logger = logging.getLogger("broker")


class ShareGroupService:
    def __init__(self, partitions: Partitions, groups: GroupService, snapshot_bytes: int = SNAPSHOT_BYTES) -> None:
        self._partitions = partitions
        self._groups = groups
        self._groups.share_member_lost = self._lose_member
        self.limits = self._groups.share_limits
        """Of a group, as they are configured now."""
        limits = self._groups.default_share_limits
        self.delivery = ShareDelivery(
            partitions, self.limits, lambda group: group in groups.core.shares, snapshot_bytes
        )
        partitions.when_deleted.append(self._topics_deleted)
        self.sessions = ShareSessions(limits.max_share_sessions, limits.session_timeout_ms)

    def start(self) -> None:
        self.delivery.start()

    def stop(self) -> None:
        self.delivery.stop()

    async def _topics_deleted(self, topics: Sequence[Topic]) -> None:
        gone = {topic.id for topic in topics}
        turns = self._partitions.turns
        places = [place async for place, _ in turns.each([*self.delivery.states]) if place.topic_id in gone]
        try:
            async for some in turns.each(in_parts(places, FORGOTTEN_AT_ONCE)):
                self.delivery.forget(some)
        except ApiError as error:
            logger.error("share groups keep the state of deleted topics until the next start: %s", error)

    # Members

    def _lose_member(self, group_id: str, member_id: str) -> None:
        logger.info("member %s of share group %s sent no heartbeat in time", member_id, group_id)
        self.end_session(group_id, member_id)

    def end_session(self, group_id: str, member_id: str) -> None:
        """Others may have what the member had."""
        self.sessions.close(group_id, member_id)
        try:
            self.delivery.release(group_id, member_id)
        except ApiError as error:
            logger.error("records that member %s had are free only when its locks end: %s", member_id, error)

    def lose_session(self, group_id: str, member_id: str, session: ShareSession) -> None:
        """The connection that it was opened by is gone."""
        if self.sessions.is_open(group_id, member_id, session) and not self._partitions.is_stopping:
            self.end_session(group_id, member_id)

    # Groups

    def listed(self) -> Iterator[ListedGroup]:
        """A group that has lost its members is one until it is deleted."""
        for group in self._groups.core.shares.groups():
            yield ListedGroup(
                group_id=group.group_id, kind=GroupKind.SHARE, protocol_type=PROTOCOL_TYPE, state=group.state.value
            )

    async def create_group(self, group_id: str) -> None:
        """Durably, where there is none of this id. Raises ApiError: INVALID_GROUP_ID, GROUP_ID_NOT_FOUND where it is a
        group of another kind, COORDINATOR_NOT_AVAILABLE."""
        if not group_id:
            raise ApiError(ErrorCode.invalid_group_id, "a share group has an id")
        code = (await self._groups.ask(self._groups.core.create_share_group, group_id, Reply)).code
        if code is not ErrorCode.none:
            raise ApiError(code, f"group {group_id} is not a share group")

    async def delete_group(self, group_id: str) -> None:
        """Durably. Raises ApiError: GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP, KAFKA_STORAGE_ERROR,
        COORDINATOR_NOT_AVAILABLE."""
        self.require_empty(group_id)
        self.delivery.forget(self.delivery.states.places(group_id))
        deletion = self._groups.ask(self._groups.core.shares.delete, group_id, DeleteReply)
        await self.delivery.settled()
        code = (await deletion).code
        if code is not ErrorCode.none:
            raise ApiError(code)

    def require_empty(self, group_id: str) -> None:
        """Raises ApiError: GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP."""
        group = self._groups.core.shares.describe(group_id)
        if group is None:
            raise ApiError(ErrorCode.group_id_not_found, f"group {group_id} is not found")
        if group.state is not ShareGroupState.EMPTY:
            raise ApiError(ErrorCode.non_empty_group, f"group {group_id} has members")
