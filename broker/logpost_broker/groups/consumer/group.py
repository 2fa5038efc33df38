"""A consumer group: the data, and what can be read off it. The rules are in `heartbeat.py` and `reconciliation.py`."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from enum import Enum

from logpost_broker.groups.consumer.assignors import ASSIGNORS, DEFAULT_ASSIGNOR
from logpost_broker.groups.consumer.events import (
    ConsumerForgotten,
    ConsumerGroupEvent,
    CurrentStored,
    GroupEpochStored,
    MemberState,
    MemberStored,
    Partitions,
    RecordType,
    RegexResolved,
    TargetEpochStored,
    TargetStored,
)
from logpost_broker.groups.modern.group import ModernGroup
from logpost_broker.metadata.topics_image import TopicsImage


class ConsumerGroupState(Enum):
    """The values are what ConsumerGroupDescribe and ListGroups call them."""

    EMPTY = "Empty"
    ASSIGNING = "Assigning"
    """The targets are older than the group."""
    RECONCILING = "Reconciling"
    """Some member does not have its target yet."""
    STABLE = "Stable"


class ConsumerGroup(ModernGroup[ConsumerGroupEvent]):
    """A member has a record of each type in `OF_MEMBER`."""

    TYPES = RecordType
    FORGOTTEN = ConsumerForgotten
    GROUP_EPOCH = GroupEpochStored
    TARGET_EPOCH = TargetEpochStored
    FIRST_EPOCH = 0
    OF_MEMBER = (RecordType.CURRENT, RecordType.TARGET, RecordType.MEMBER)
    OF_GROUP = (RecordType.TARGET_EPOCH, RecordType.GROUP)

    @property
    def regexes(self) -> dict[str, RegexResolved]:
        return self.all(RegexResolved)

    @property
    def members(self) -> dict[str, MemberStored]:
        return self.all(MemberStored)

    @property
    def targets(self) -> dict[str, TargetStored]:
        return self.all(TargetStored)

    @property
    def current(self) -> dict[str, CurrentStored]:
        return self.all(CurrentStored)

    @property
    def state(self) -> ConsumerGroupState:
        if not self.members:
            return ConsumerGroupState.EMPTY
        if self.epoch > self.target_epoch:
            return ConsumerGroupState.ASSIGNING
        if all(self._is_reconciled(member_id) for member_id in self.members):
            return ConsumerGroupState.STABLE
        return ConsumerGroupState.RECONCILING

    def _is_reconciled(self, member_id: str) -> bool:
        current = self.current_of(member_id)
        return current.state is MemberState.STABLE and current.epoch == self.target_epoch

    def current_of(self, member_id: str) -> CurrentStored:
        """What a member has; a new one has nothing."""
        return self.current.get(member_id) or CurrentStored(
            group_id=self.group_id,
            member_id=member_id,
            epoch=0,
            previous_epoch=0,
            state=MemberState.STABLE,
            assigned=frozenset(),
            revoking=frozenset(),
        )

    def target_of(self, member_id: str) -> Partitions:
        target = self.targets.get(member_id)
        return frozenset() if target is None else target.partitions

    def static_member(self, instance_id: str) -> MemberStored | None:
        return next((member for member in self.members.values() if member.instance_id == instance_id), None)

    @property
    def is_classic(self) -> bool:
        """It has members, and none of them speaks the new protocol."""
        return bool(self.members) and all(member.classic is not None for member in self.members.values())

    def held_by_others(self, member_id: str, partitions: Partitions) -> Partitions:
        """Which of these partitions other members have, or are letting go."""
        if not partitions:
            return partitions
        others = (current.held for other, current in self.current.items() if other != member_id)
        return frozenset[tuple[uuid.UUID, int]]().union(*(partitions & held for held in others))

    def assignor(self) -> str:
        """What most members that want a certain one want."""
        votes = Counter(member.server_assignor for member in self.members.values() if member.server_assignor)
        return max(sorted(votes), key=votes.__getitem__) if votes else DEFAULT_ASSIGNOR

    def topics_of(self, member: MemberStored) -> frozenset[str]:
        resolved = self.regexes.get(member.topic_regex)
        return frozenset(member.topic_names) | frozenset(() if resolved is None else resolved.topics)

    def topics(self) -> frozenset[str]:
        """All that any member subscribes to, whether they are there or not."""
        return frozenset[str]().union(*(self.topics_of(member) for member in self.members.values()))

    def used_regexes(self) -> set[str]:
        return {member.topic_regex for member in self.members.values() if member.topic_regex}

    def new_targets(self, image: TopicsImage) -> Mapping[str, Partitions]:
        """What the assignor gives each member. There are members."""
        subscriptions = {
            member_id: frozenset(image.topics[name].id for name in self.topics_of(member) if name in image.topics)
            for member_id, member in self.members.items()
        }
        topics = {
            image.topics[name].id: image.topics[name].partitions for name in self.topics() if name in image.topics
        }
        previous = {member_id: self.target_of(member_id) for member_id in self.members}
        return ASSIGNORS[self.assignor()](subscriptions, topics, previous)

    def tombstones(self) -> Iterable[ConsumerGroupEvent]:
        for regex in self.regexes:
            yield self.forgotten(RecordType.REGULAR_EXPRESSION, regex)
        yield from super().tombstones()
