"""A share group: the data, and what can be read off it. The rules are in `heartbeat.py`."""

from __future__ import annotations

from enum import Enum

from logpost_broker.groups.modern.group import ModernGroup
from logpost_broker.groups.share.assignor import Assignment
from logpost_broker.groups.share.member_events import (
    ShareCurrentStored,
    ShareForgotten,
    ShareGroupEvent,
    ShareGroupStored,
    ShareMemberStored,
    ShareRecordType,
    ShareTargetEpochStored,
    ShareTargetStored,
)


class ShareGroupState(Enum):
    """The values are what ShareGroupDescribe and ListGroups call them."""

    EMPTY = "Empty"
    STABLE = "Stable"
    DEAD = "Dead"


class ShareGroup(ModernGroup[ShareGroupEvent]):
    TYPES = ShareRecordType
    FORGOTTEN = ShareForgotten
    GROUP_EPOCH = ShareGroupStored
    TARGET_EPOCH = ShareTargetEpochStored
    OF_MEMBER = (ShareRecordType.CURRENT, ShareRecordType.TARGET, ShareRecordType.MEMBER)
    OF_GROUP = (ShareRecordType.TARGET_EPOCH, ShareRecordType.GROUP)

    @property
    def members(self) -> dict[str, ShareMemberStored]:
        return self.all(ShareMemberStored)

    @property
    def targets(self) -> dict[str, ShareTargetStored]:
        return self.all(ShareTargetStored)

    @property
    def current(self) -> dict[str, ShareCurrentStored]:
        return self.all(ShareCurrentStored)

    @property
    def state(self) -> ShareGroupState:
        return ShareGroupState.STABLE if self.members else ShareGroupState.EMPTY

    @property
    def topics(self) -> set[str]:
        """What any member subscribes to."""
        return {name for member in self.members.values() for name in member.topic_names}

    def current_of(self, member_id: str) -> ShareCurrentStored:
        """What a member has; a new one has nothing."""
        return self.current.get(member_id) or ShareCurrentStored(group_id=self.group_id, member_id=member_id)

    def target_of(self, member_id: str) -> Assignment:
        target = self.targets.get(member_id)
        return {} if target is None else target.assignment
