"""What is asked about committed offsets: as in `coordinator.py`, every call says what it decided as an `Outcome`."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from kio.schema.errors import ErrorCode

from logpost_broker.coordinator.outcome import Draft, Event, Outcome, Waiter
from logpost_broker.coordinator.record_fields import MAX_STRING_BYTES
from logpost_broker.errors import ApiError
from logpost_broker.groups.classic.groups import ClassicGroups
from logpost_broker.groups.group_table import GroupTable
from logpost_broker.groups.kinds import GroupKind, GroupKinds
from logpost_broker.groups.offsets.committed import (
    Committed,
    Offsets,
    check_committer,
    check_member_epoch,
    check_offset,
    committed,
    deleted,
)
from logpost_broker.groups.offsets.events import OffsetCommitted, OffsetPending
from logpost_broker.groups.offsets.expiration import expired
from logpost_broker.groups.offsets.messages import Commit, CommitReply, Delete, DeleteReply, TopicPartition
from logpost_broker.metadata.group_limits import GroupLimits
from logpost_broker.steps import at_once

PREPARED_AT_ONCE = 100
FORGOTTEN_AT_ONCE = 500
"""Offsets that one write forgets."""


@dataclass(slots=True)
class PreparedCommit:
    """What a commit is for the journal if its committer may make it."""

    codes: dict[TopicPartition, ErrorCode] = field(default_factory=dict)
    events: list[OffsetCommitted | OffsetPending] = field(default_factory=list)
    refused: ErrorCode = ErrorCode.none
    """Why nobody may make it."""


class OffsetRequests:
    def __init__(
        self,
        limits: GroupLimits,
        groups: GroupTable,
        kinds: GroupKinds,
        offsets: Offsets,
        is_full: Callable[[], bool],
    ) -> None:
        """While it `is_full`, only offsets at places that have one are taken."""
        self._is_full = is_full
        self._limits = limits
        self._groups = groups
        self._kinds = kinds
        self._offsets = offsets

    def prepare(self, request: Commit, now_ms: int) -> Generator[None, None, PreparedCommit]:
        """What can be done of a commit in steps, because it depends on no state."""
        prepared = PreparedCommit()
        for number, offset in enumerate(request.offsets):
            if not number % PREPARED_AT_ONCE:
                yield
            code = prepared.codes[offset.topic, offset.partition] = check_offset(offset, self._limits)
            if code == ErrorCode.none:
                prepared.events.append(committed(request, offset, now_ms))
        return prepared

    def commit(self, request: Commit, waiter: Waiter, now_ms: int, prepared: PreparedCommit | None = None) -> Outcome:
        """Answered with a CommitReply: a code per partition. The events are those of `prepared`, or none."""
        prepared = prepared or at_once(self.prepare(request, now_ms))
        draft = Draft(now_ms)
        try:
            if len(request.group_id.encode()) > MAX_STRING_BYTES:
                raise ApiError(ErrorCode.invalid_group_id)
            if self._kinds.of(request.group_id) is GroupKind.SHARE:
                raise ApiError(ErrorCode.group_id_not_found)
            groups = self._groups.of(request.group_id)
            if isinstance(groups, ClassicGroups):
                check_committer(groups.get(request.group_id), request, draft)
            else:
                check_member_epoch(groups, request)
        except ApiError as error:
            draft.reply(waiter, CommitReply(code=error.code))
            return draft.outcome()
        codes = prepared.codes
        if prepared.refused is ErrorCode.none:
            draft.events.extend(prepared.events)
            if self._is_full():
                codes = self._without_new(request.group_id, codes, draft)
        draft.reply(waiter, CommitReply(code=prepared.refused, codes=codes))
        return draft.outcome()

    def _without_new(
        self, group_id: str, codes: Mapping[TopicPartition, ErrorCode], draft: Draft
    ) -> dict[TopicPartition, ErrorCode]:
        """Nothing is committed where the group has no offset yet."""
        known = self._offsets.of(group_id)
        draft.events = [event for event in draft.events if _where(event) in known]
        return {
            place: code if place in known else ErrorCode.invalid_commit_offset_size for place, code in codes.items()
        }

    def pending(self, group_id: str) -> frozenset[TopicPartition]:
        """Where a transaction that is not decided has an offset of the group."""
        return self._offsets.pending.places_of(group_id)

    def committed(self, group_id: str) -> Committed:
        """(topic, partition) → the group's committed offset."""
        return self._offsets.of(group_id)

    def forget_topics(self, is_gone: Callable[[str], bool]) -> Iterator[Outcome]:
        """Topics are gone: so are all offsets in them. Step by step, each to be carried out before the next; one for
        each group, of which most decide nothing."""
        left: list[Event] = []
        for deletions in self._offsets.deletions_in(is_gone):
            left += deletions
            while len(left) >= FORGOTTEN_AT_ONCE:
                yield Outcome(events=tuple(left[:FORGOTTEN_AT_ONCE]))
                del left[:FORGOTTEN_AT_ONCE]
            yield Outcome()
        if left:
            yield Outcome(events=tuple(left))

    def forget(self, group_id: str, offsets: Sequence[OffsetCommitted]) -> Outcome:
        """Of a group, those that are still what it committed last."""
        return Outcome(events=tuple(deleted(event) for event in self._present(group_id, offsets)))

    def _present(self, group_id: str, offsets: Sequence[OffsetCommitted]) -> list[OffsetCommitted]:
        committed = self.committed(group_id)
        return [event for event in offsets if committed.get((event.topic, event.partition)) is event]

    def expire(self, group_id: str, offsets: Sequence[OffsetCommitted], now_ms: int) -> Outcome:
        """Forget those of a group's `offsets` that nobody has needed for `offsets_retention_ms`, and the group itself
        when that was all of it."""
        draft = Draft(now_ms)

        def is_needed(offset: OffsetCommitted) -> bool:
            place = (group_id, offset.topic, offset.partition)
            is_subscribed = self._groups.of(group_id).is_subscribed(group_id, offset.topic)
            return is_subscribed or self._offsets.pending.is_pending(*place)

        group = self._groups.classic.get(group_id)
        committed = self.committed(group_id)
        gone = expired(
            self._present(group_id, offsets),
            group,
            is_needed,
            now_ms=now_ms,
            retention_ms=self._limits.offsets_retention_ms,
        )
        draft.events.extend(deleted(event) for event in gone)
        is_left = len(gone) == len(committed) and not self._offsets.pending.of_group(group_id)
        if is_left and self._groups.is_empty(group_id) and not (group and group.pending):
            draft.events.extend(self._groups.of(group_id).deletions_of(group_id))
        return draft.outcome()

    def delete(self, request: Delete, waiter: Waiter, now_ms: int) -> Outcome:
        """Answered with a DeleteReply: INVALID_GROUP_ID, GROUP_ID_NOT_FOUND, or GROUP_SUBSCRIBED_TO_TOPIC per
        partition."""
        draft = Draft(now_ms)
        group_id = request.group_id
        if not group_id:
            draft.reply(waiter, DeleteReply(code=ErrorCode.invalid_group_id))
            return draft.outcome()
        if not self._groups.is_known(group_id):
            draft.reply(waiter, DeleteReply(code=ErrorCode.group_id_not_found))
            return draft.outcome()
        codes = {}
        committed = self._offsets.of(group_id)
        for place in request.partitions:
            subscribed = self._groups.of(group_id).is_subscribed(group_id, place[0])
            codes[place] = ErrorCode.group_subscribed_to_topic if subscribed else ErrorCode.none
            if not subscribed and place in committed:
                draft.events.append(deleted(committed[place]))
        draft.reply(waiter, DeleteReply(codes=codes))
        return draft.outcome()


def _where(event: Event) -> TopicPartition:
    offset = event.offset if isinstance(event, OffsetPending) else event
    assert isinstance(offset, OffsetCommitted)
    return offset.topic, offset.partition
