"""Members go, or come back under another id."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from logpost_broker.groups.consumer.downgrade import downgrade
from logpost_broker.groups.consumer.events import MemberStored, TargetStored
from logpost_broker.groups.consumer.messages import JOIN_EPOCH
from logpost_broker.groups.consumer.subscriptions import forget_unused_regexes, raise_epoch
from logpost_broker.groups.consumer.timer_keys import MEMBER_TIMERS
from logpost_broker.groups.consumer.work import Work


def remove_members(work: Work, member_ids: Iterable[str]) -> None:
    """Others get their partitions by the new epoch, or by the rebalance of the classic group that they are from now
    on, where none of them speaks the new protocol."""
    for member_id in member_ids:
        _forget(work, member_id)
    if work.group.is_classic:
        downgrade(work)
        return
    forget_unused_regexes(work)
    raise_epoch(work)


def replace_member(work: Work, member: MemberStored, member_id: str) -> MemberStored:
    """A static member that left is back: it has what it had, and nobody else notices."""
    target = work.group.target_of(member.member_id)
    current = work.group.current_of(member.member_id)
    _forget(work, member.member_id)
    replaced = replace(member, member_id=member_id)
    work.emit(replaced)
    work.emit(TargetStored(group_id=member.group_id, member_id=member_id, partitions=target))
    work.emit(replace(current, member_id=member_id, epoch=JOIN_EPOCH, previous_epoch=JOIN_EPOCH))
    return replaced


def _forget(work: Work, member_id: str) -> None:
    for tombstone in list(work.group.tombstones_of(member_id)):
        work.emit(tombstone)
    for timer in MEMBER_TIMERS:
        work.draft.cancel_timer(timer(work.group.group_id, member_id))
