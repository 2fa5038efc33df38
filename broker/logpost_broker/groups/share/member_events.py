"""What the journal holds of share groups' members: each event is one record of `__consumer_offsets`.

No order among the records of a group is needed to replay them: a compacted log keeps only the newest of each key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import ClassVar

from logpost_broker.groups.modern.events import (
    Forgotten,
    GroupEpochRecord,
    MemberRecord,
    TargetEpochRecord,
)
from logpost_broker.groups.share.assignor import Assignment


class ShareRecordType(Enum):
    """The keys' types."""

    MEMBER = 10
    GROUP = 11
    TARGET_EPOCH = 12
    TARGET = 13
    CURRENT = 14


class ShareGroupStored(GroupEpochRecord):
    __slots__ = ()
    TYPE: ClassVar[ShareRecordType] = ShareRecordType.GROUP


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareMemberStored(MemberRecord):
    TYPE: ClassVar[ShareRecordType] = ShareRecordType.MEMBER
    group_id: str
    member_id: str
    rack_id: str | None
    client_id: str
    client_host: str
    topic_names: tuple[str, ...]
    """Sorted."""


class ShareTargetEpochStored(TargetEpochRecord):
    __slots__ = ()
    TYPE: ClassVar[ShareRecordType] = ShareRecordType.TARGET_EPOCH


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareTargetStored(MemberRecord):
    """What a member should fetch from."""

    TYPE: ClassVar[ShareRecordType] = ShareRecordType.TARGET
    group_id: str
    member_id: str
    assignment: Assignment


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareCurrentStored(MemberRecord):
    """What a member was told to fetch from."""

    TYPE: ClassVar[ShareRecordType] = ShareRecordType.CURRENT
    group_id: str
    member_id: str
    epoch: int = 0
    previous_epoch: int = 0
    assignment: Assignment = field(default_factory=dict)


class ShareForgotten(Forgotten):
    """Of the group, or of a member of it."""

    __slots__ = ()


ShareGroupEvent = (
    ShareGroupStored
    | ShareMemberStored
    | ShareTargetEpochStored
    | ShareTargetStored
    | ShareCurrentStored
    | ShareForgotten
)
