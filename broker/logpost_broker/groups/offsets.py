"""The committed offsets of all groups, and who may commit."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError
from logpost_broker.groups.events import OffsetCommitted, OffsetDeleted
from logpost_broker.groups.group import Group
from logpost_broker.groups.limits import MAX_STRING_BYTES, GroupLimits
from logpost_broker.groups.messages import Commit, OffsetToCommit, TopicPartition
from logpost_broker.groups.outcome import Draft
from logpost_broker.groups.rebalance import watch
from logpost_broker.groups.states import GroupState

Committed = Mapping[TopicPartition, OffsetCommitted]


class Offsets:
    """Group id → (topic, partition) → what it committed last."""

    def __init__(self) -> None:
        self._by_group: dict[str, dict[TopicPartition, OffsetCommitted]] = {}

    def group_ids(self) -> Collection[str]:
        return self._by_group.keys()

    def topics(self) -> set[str]:
        return {topic for offsets in self._by_group.values() for topic, _ in offsets}

    def of(self, group_id: str) -> Committed:
        return self._by_group.get(group_id, {})

    def of_topics(self, topics: Collection[str]) -> list[OffsetCommitted]:
        return [event for offsets in self._by_group.values() for event in offsets.values() if event.topic in topics]

    def all(self) -> list[OffsetCommitted]:
        return [event for offsets in self._by_group.values() for event in offsets.values()]

    def apply(self, event: OffsetCommitted | OffsetDeleted) -> None:
        place = (event.topic, event.partition)
        if isinstance(event, OffsetCommitted):
            self._by_group.setdefault(event.group_id, {})[place] = event
            return
        offsets = self._by_group.get(event.group_id, {})
        offsets.pop(place, None)
        if not offsets:
            self._by_group.pop(event.group_id, None)


def deleted(event: OffsetCommitted) -> OffsetDeleted:
    return OffsetDeleted(group_id=event.group_id, topic=event.topic, partition=event.partition)


def check_committer(group: Group | None, request: Commit, draft: Draft) -> None:
    """A member commits in its own generation; anyone may commit for a group without members.

    Raises ApiError: ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, REBALANCE_IN_PROGRESS.
    """
    if group is None:
        if request.generation >= 0:
            raise ApiError(ErrorCode.illegal_generation)
        return
    if request.generation < 0 and group.is_in(GroupState.EMPTY):
        return
    if request.generation < 0 and not request.member_id and request.instance_id is None:
        raise ApiError(ErrorCode.unknown_member_id, "the group has members, who commit for it")
    member = group.member(request.member_id, request.instance_id)
    if request.generation != group.generation:
        raise ApiError(ErrorCode.illegal_generation)
    if group.is_in(GroupState.COMPLETING_REBALANCE):
        raise ApiError(ErrorCode.rebalance_in_progress)
    watch(group, member, draft)


def check_offset(offset: OffsetToCommit, limits: GroupLimits) -> ErrorCode:
    size_bytes = len(offset.metadata.encode())
    if size_bytes > min(limits.max_offset_metadata_bytes, MAX_STRING_BYTES):
        return ErrorCode.offset_metadata_too_large
    return ErrorCode.none
