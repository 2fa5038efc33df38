"""The committed offsets of all groups, and who may commit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Protocol

from kio.schema.errors import ErrorCode

from logpost_broker.coordinator.outcome import Draft
from logpost_broker.coordinator.record_fields import MAX_STRING_BYTES
from logpost_broker.errors import ApiError
from logpost_broker.groups.classic.group import Group
from logpost_broker.groups.classic.rebalance import watch
from logpost_broker.groups.classic.states import GroupState
from logpost_broker.groups.offsets.events import (
    OffsetCommitted,
    OffsetDeleted,
    OffsetEvent,
    OffsetPending,
    TransactionEnded,
)
from logpost_broker.groups.offsets.messages import Commit, OffsetToCommit, TopicPartition
from logpost_broker.groups.offsets.pending import PendingOffsets
from logpost_broker.metadata.group_limits import GroupLimits

Committed = Mapping[TopicPartition, OffsetCommitted]


class Offsets:
    """Group id → (topic, partition) → what it committed last."""

    def __init__(self) -> None:
        self._by_group: dict[str, dict[TopicPartition, OffsetCommitted]] = {}
        self.pending = PendingOffsets()

    def group_ids(self) -> Collection[str]:
        return self._by_group.keys()

    def of(self, group_id: str) -> Committed:
        return self._by_group.get(group_id, {})

    def deletions_of(self, group_id: str) -> list[OffsetDeleted]:
        """What forgets all offsets of a group, pending ones too."""
        pending = [event.offset for event in self.pending.of_group(group_id)]
        return _deletions([*self.of(group_id).values(), *pending])

    def deletions_in(self, is_gone: Callable[[str], bool]) -> Iterator[Iterable[OffsetDeleted]]:
        """Group after group, what forgets all offsets in topics that are gone."""
        for group_id in self._by_group.keys() | self.pending.group_ids():
            places = dict.fromkeys([*self.of(group_id), *self.pending.places_of(group_id)])
            yield [
                OffsetDeleted(group_id=group_id, topic=topic, partition=partition)
                for topic, partition in places
                if is_gone(topic)
            ]

    def all(self) -> list[OffsetCommitted | OffsetPending]:
        """In an order in which they can be applied again."""
        committed = [event for offsets in self._by_group.values() for event in offsets.values()]
        return [*committed, *self.pending.all()]

    def apply(self, event: OffsetEvent) -> None:
        if isinstance(event, OffsetPending):
            self.pending.add(event)
        elif isinstance(event, TransactionEnded):
            for group_id, committed in self.pending.end(event.producer.producer_id, commit=event.commit).items():
                if group_id in self._by_group:
                    self._by_group[group_id].update(committed)
                else:
                    self._by_group[group_id] = committed
        else:
            self.pending.overtake(event.group_id, (event.topic, event.partition))
            self._set(event)

    def _set(self, event: OffsetCommitted | OffsetDeleted) -> None:
        place = (event.topic, event.partition)
        if isinstance(event, OffsetCommitted):
            self._by_group.setdefault(event.group_id, {})[place] = event
            return
        offsets = self._by_group.get(event.group_id, {})
        offsets.pop(place, None)
        if not offsets:
            self._by_group.pop(event.group_id, None)


def _deletions(offsets: Iterable[OffsetCommitted]) -> list[OffsetDeleted]:
    """Each place once."""
    return [*dict.fromkeys(deleted(event) for event in offsets)]


def deleted(event: OffsetCommitted) -> OffsetDeleted:
    return OffsetDeleted(group_id=event.group_id, topic=event.topic, partition=event.partition)


def check_committer(group: Group | None, request: Commit, draft: Draft) -> None:
    """A member commits in its own generation; anyone may commit for a group without members, and so may clients that
    commit in a transaction and are too old to say which member they are (before KIP-447).

    Raises ApiError: ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, REBALANCE_IN_PROGRESS.
    """
    if group is None:
        if request.generation >= 0:
            raise ApiError(ErrorCode.illegal_generation)
        return
    if request.generation < 0 and group.is_in(GroupState.EMPTY):
        return
    if request.generation < 0 and not request.member_id and request.instance_id is None:
        if request.producer is not None:
            return
        raise ApiError(ErrorCode.unknown_member_id, "the group has members, who commit for it")
    member = group.member(request.member_id, request.instance_id)
    if request.generation != group.generation:
        raise ApiError(ErrorCode.illegal_generation)
    if group.is_in(GroupState.COMPLETING_REBALANCE) and request.producer is None:
        raise ApiError(ErrorCode.rebalance_in_progress)
    watch(group, member, draft)


class MemberEpochs(Protocol):
    """The groups of a protocol whose members have epochs."""

    def check_member(
        self, group_id: str, member_id: str, epoch: int, committed: Collection[TopicPartition] = ()
    ) -> None: ...


def check_member_epoch(groups: MemberEpochs, request: Commit) -> None:
    """As `check_committer`, for a group of a newer protocol (KIP-848, KIP-1071).

    Raises ApiError: UNKNOWN_MEMBER_ID, STALE_MEMBER_EPOCH; in a transaction ILLEGAL_GENERATION, which producers know.
    """
    is_anonymous = request.generation < 0 and not request.member_id and request.instance_id is None
    if request.producer is not None and is_anonymous:
        return
    try:
        committed = [(offset.topic, offset.partition) for offset in request.offsets]
        groups.check_member(request.group_id, request.member_id, request.generation, committed)
    except ApiError as error:
        if request.producer is not None and error.code is ErrorCode.stale_member_epoch:
            raise ApiError(ErrorCode.illegal_generation) from error
        raise


def check_offset(offset: OffsetToCommit, limits: GroupLimits) -> ErrorCode:
    size_bytes = len(offset.metadata.encode())
    if size_bytes > min(limits.max_offset_metadata_bytes, MAX_STRING_BYTES):
        return ErrorCode.offset_metadata_too_large
    return ErrorCode.none


def committed(request: Commit, offset: OffsetToCommit, now_ms: int) -> OffsetCommitted | OffsetPending:
    """What a request's offset is for the journal."""
    event = OffsetCommitted(
        group_id=request.group_id,
        topic=offset.topic,
        partition=offset.partition,
        offset=offset.offset,
        leader_epoch=offset.leader_epoch,
        metadata=offset.metadata,
        commit_timestamp_ms=now_ms,
    )
    return event if request.producer is None else OffsetPending(producer=request.producer, offset=event)
