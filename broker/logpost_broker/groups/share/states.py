"""All share partitions of a broker, made of journaled events."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from logpost_broker.groups.share.events import (
    Place,
    ShareDeleted,
    ShareEvent,
    ShareSnapshotted,
    ShareUpdated,
)
from logpost_broker.groups.share.share_partition import Change, SharePartition
from logpost_broker.metadata.group_limits import ShareLimits


@dataclass(slots=True)
class Kept:
    """A share partition, and where its state is in the journal."""

    partition: SharePartition
    snapshot_epoch: int
    state_epoch: int
    leader_epoch: int
    created_ms: int
    updates: int = 0
    """Since the last snapshot."""


class ShareStates:
    def __init__(self, limits: Callable[[str], ShareLimits]) -> None:
        """`limits`: of the group of this id, as they are at the time of a call."""
        self._limits = limits
        self._kept: dict[Place, Kept] = {}

    def get(self, place: Place) -> SharePartition | None:
        kept = self._kept.get(place)
        if kept is None:
            return None
        kept.partition.limits = self._limits(place.group_id)
        return kept.partition

    def kept(self, place: Place) -> Kept | None:
        return self._kept.get(place)

    def places(self, group_id: str) -> list[Place]:
        return [place for place in self._kept if place.group_id == group_id]

    def places_by_topic(self, group_id: str) -> dict[uuid.UUID, list[Place]]:
        found: dict[uuid.UUID, list[Place]] = {}
        for place in self.places(group_id):
            found.setdefault(place.topic_id, []).append(place)
        return found

    def __iter__(self) -> Iterator[tuple[Place, SharePartition]]:
        return ((place, kept.partition) for place, kept in self._kept.items())

    def begun(self, place: Place, start_offset: int, leader_epoch: int, now_ms: int) -> ShareSnapshotted:
        """The group begins at an offset, or begins again: what it had acquired and finished counts no more."""
        kept = self._kept.get(place)
        return ShareSnapshotted(
            place=place,
            snapshot_epoch=0 if kept is None else kept.snapshot_epoch + 1,
            state_epoch=0 if kept is None else kept.state_epoch + 1,
            leader_epoch=leader_epoch,
            start_offset=start_offset,
            delivery_complete_count=0,
            created_ms=now_ms,
            written_ms=now_ms,
            batches=(),
        )

    def changed(self, place: Place, change: Change, now_ms: int) -> list[ShareEvent]:
        """What to journal of a change to a share partition that is known; a snapshot first, from time to time, so that
        a restart has little to read."""
        kept = self._kept[place]
        events: list[ShareEvent] = []
        snapshot_epoch = kept.snapshot_epoch
        if kept.updates >= self._limits(place.group_id).updates_per_snapshot:
            snapshot_epoch += 1
            events.append(self._snapshot(place, kept, snapshot_epoch, now_ms))
        update = ShareUpdated(
            place=place,
            snapshot_epoch=snapshot_epoch,
            leader_epoch=kept.leader_epoch,
            start_offset=change.start_offset,
            delivery_complete_count=change.delivery_complete_count,
            batches=change.batches,
        )
        return [*events, update]

    def _snapshot(self, place: Place, kept: Kept, snapshot_epoch: int, now_ms: int) -> ShareSnapshotted:
        return ShareSnapshotted(
            place=place,
            snapshot_epoch=snapshot_epoch,
            state_epoch=kept.state_epoch,
            leader_epoch=kept.leader_epoch,
            start_offset=kept.partition.start_offset,
            delivery_complete_count=kept.partition.delivery_complete_count,
            created_ms=kept.created_ms,
            written_ms=now_ms,
            batches=kept.partition.batches(),
        )

    def snapshot(self, now_ms: int) -> list[ShareEvent]:
        """All state: applied to nothing, or to any earlier part of the journal, it gives it."""
        return [self._snapshot(place, kept, kept.snapshot_epoch, now_ms) for place, kept in self._kept.items()]

    def apply(self, event: ShareEvent) -> None:
        """Make an event's change: right after it was journaled, and at replay."""
        if isinstance(event, ShareDeleted):
            self._kept.pop(event.place, None)
        elif isinstance(event, ShareSnapshotted):
            self._apply_snapshot(event)
        else:
            self._apply_update(event)

    def _apply_snapshot(self, event: ShareSnapshotted) -> None:
        """Acquisitions outlive a snapshot that says nothing new."""
        kept = self._kept.get(event.place)
        if kept is not None and kept.state_epoch == event.state_epoch and kept.created_ms == event.created_ms:
            kept.snapshot_epoch, kept.updates = event.snapshot_epoch, 0
            return
        partition = SharePartition(event.start_offset, self._limits(event.place.group_id))
        partition.apply(Change(batches=event.batches))
        self._kept[event.place] = Kept(
            partition, event.snapshot_epoch, event.state_epoch, event.leader_epoch, event.created_ms
        )

    def _apply_update(self, event: ShareUpdated) -> None:
        """An update of what is not known is left from before its deletion."""
        kept = self._kept.get(event.place)
        if kept is not None:
            kept.partition.apply(Change(start_offset=event.start_offset, batches=event.batches))
            kept.updates += 1
