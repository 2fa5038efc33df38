"""What the journal holds of share groups' members: each event is one record of `__consumer_offsets`.

No order among the records of a group is needed to replay them: a compacted log keeps only the newest of each key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from logpost_broker.coordinator.outcome import Event
from logpost_broker.groups.share.assignor import Assignment


class ShareRecordType(Enum):
    """The keys' types."""

    MEMBER = 10
    GROUP = 11
    TARGET_EPOCH = 12
    TARGET = 13
    CURRENT = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareGroupStored(Event):
    """Members, subscriptions or topics are now of this epoch."""

    group_id: str
    epoch: int
    metadata_hash: int
    """Signed, 64 bits: of all topics that the group reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareMemberStored(Event):
    group_id: str
    member_id: str
    rack_id: str | None
    client_id: str
    client_host: str
    topic_names: tuple[str, ...]
    """Sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareTargetEpochStored(Event):
    """The targets are those of this group epoch."""

    group_id: str
    epoch: int
    timestamp_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareTargetStored(Event):
    """What a member should fetch from."""

    group_id: str
    member_id: str
    assignment: Assignment


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareCurrentStored(Event):
    """What a member was told to fetch from."""

    group_id: str
    member_id: str
    epoch: int = 0
    previous_epoch: int = 0
    assignment: Assignment = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareForgotten(Event):
    """A record is gone: of the group, or of a member of it."""

    group_id: str
    type: ShareRecordType
    member_id: str | None = None


ShareGroupEvent = (
    ShareGroupStored
    | ShareMemberStored
    | ShareTargetEpochStored
    | ShareTargetStored
    | ShareCurrentStored
    | ShareForgotten
)
