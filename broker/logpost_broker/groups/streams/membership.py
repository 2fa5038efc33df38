"""Members go."""

from __future__ import annotations

from dataclasses import replace

from logpost_broker.groups.streams.events import StreamsGroupStored
from logpost_broker.groups.streams.timer_keys import StreamsRevocationTimer, StreamsSessionTimer
from logpost_broker.groups.streams.work import Work


def remove_member(work: Work, member_id: str) -> None:
    """Others get its tasks by the new epoch."""
    group = work.group
    for tombstone in list(group.tombstones_of(member_id)):
        work.emit(tombstone)
    stored = group.stored or StreamsGroupStored(group_id=group.group_id, epoch=group.epoch, metadata_hash=0)
    work.emit(replace(stored, epoch=group.epoch + 1))
    for timer in (StreamsSessionTimer, StreamsRevocationTimer):
        work.draft.cancel_timer(timer(group.group_id, member_id))
    if not group.members:
        work.unjournaled.shutdown_by = None
