"""A share group: the data, and what can be read off it. The rules are in `heartbeat.py`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

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

FIRST_EPOCH = 1
"""Of a group, and of its targets, before anything was decided."""


class ShareGroupState(Enum):
    """The values are what ShareGroupDescribe and ListGroups call them."""

    EMPTY = "Empty"
    STABLE = "Stable"
    DEAD = "Dead"


@dataclass(slots=True, kw_only=True, eq=False)
class ShareGroup:
    group_id: str
    stored: ShareGroupStored | None = None
    target_stored: ShareTargetEpochStored | None = None
    members: dict[str, ShareMemberStored] = field(default_factory=dict)
    targets: dict[str, ShareTargetStored] = field(default_factory=dict)
    current: dict[str, ShareCurrentStored] = field(default_factory=dict)

    def copy(self) -> ShareGroup:
        """To decide on: what is decided changes only the copy."""
        return ShareGroup(
            group_id=self.group_id,
            stored=self.stored,
            target_stored=self.target_stored,
            members=dict(self.members),
            targets=dict(self.targets),
            current=dict(self.current),
        )

    @property
    def epoch(self) -> int:
        return FIRST_EPOCH if self.stored is None else self.stored.epoch

    @property
    def metadata_hash(self) -> int:
        return 0 if self.stored is None else self.stored.metadata_hash

    @property
    def target_epoch(self) -> int:
        return FIRST_EPOCH if self.target_stored is None else self.target_stored.epoch

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

    def apply(self, event: ShareGroupEvent) -> None:
        match event:
            case ShareGroupStored():
                self.stored = event
            case ShareMemberStored():
                self.members[event.member_id] = event
            case ShareTargetEpochStored():
                self.target_stored = event
            case ShareTargetStored():
                self.targets[event.member_id] = event
            case ShareCurrentStored():
                self.current[event.member_id] = event
            case ShareForgotten():
                self._forget(event)

    def _forget(self, event: ShareForgotten) -> None:
        member_id = event.member_id or ""
        match event.type:
            case ShareRecordType.GROUP:
                self.stored = None
            case ShareRecordType.MEMBER:
                self.members.pop(member_id, None)
            case ShareRecordType.TARGET_EPOCH:
                self.target_stored = None
            case ShareRecordType.TARGET:
                self.targets.pop(member_id, None)
            case ShareRecordType.CURRENT:
                self.current.pop(member_id, None)

    def events(self) -> list[ShareGroupEvent]:
        """The group as events: applied to nothing, in any order, they give it."""
        return [
            *(event for event in (self.stored, self.target_stored) if event is not None),
            *self.members.values(),
            *self.targets.values(),
            *self.current.values(),
        ]

    def tombstones(self) -> Iterable[ShareForgotten]:
        """What forgets all of it."""
        for member_id in {*self.current, *self.targets, *self.members}:
            yield from self.tombstones_of(member_id)
        for type_ in (ShareRecordType.TARGET_EPOCH, ShareRecordType.GROUP):
            yield ShareForgotten(group_id=self.group_id, type=type_)

    def tombstones_of(self, member_id: str) -> Iterable[ShareForgotten]:
        for type_ in (ShareRecordType.CURRENT, ShareRecordType.TARGET, ShareRecordType.MEMBER):
            yield ShareForgotten(group_id=self.group_id, type=type_, member_id=member_id)
