"""What the journal holds of share partitions: each event is one record of `__share_group_state`, and replaying them in
their order gives the state back. Acquisitions are not journaled: what was acquired and not acknowledged is available
again after a restart. Members are in `member_events.py`."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

UNCHANGED = -1
"""The start offset of an update that does not move it."""


class RecordState(IntEnum):
    """With the numbers that Kafka's record schemas give them."""

    AVAILABLE = 0
    ACQUIRED = 1
    ACKNOWLEDGED = 2
    ARCHIVED = 4

    @property
    def is_final(self) -> bool:
        return self in (RecordState.ACKNOWLEDGED, RecordState.ARCHIVED)


class Place(NamedTuple):
    """A share partition."""

    group_id: str
    topic_id: uuid.UUID
    partition: int


class StateBatch(NamedTuple):
    """Records that follow each other and have the same state."""

    first_offset: int
    last_offset: int
    state: RecordState
    delivery_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareUpdated:
    """These records are now in these states."""

    place: Place
    snapshot_epoch: int
    leader_epoch: int
    start_offset: int
    delivery_complete_count: int
    """Records from the start offset on that nobody will be given again."""
    batches: tuple[StateBatch, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareSnapshotted:
    """The share partition is now this, whatever was before."""

    place: Place
    snapshot_epoch: int
    state_epoch: int
    leader_epoch: int
    start_offset: int
    delivery_complete_count: int
    created_ms: int
    written_ms: int
    batches: tuple[StateBatch, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareDeleted:
    """The group has nothing to do with the partition any more."""

    place: Place


ShareEvent = ShareUpdated | ShareSnapshotted | ShareDeleted
