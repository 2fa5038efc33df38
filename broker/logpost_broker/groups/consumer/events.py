"""What the journal holds of consumer groups: each event is one record of `__consumer_offsets`.

No order among the records of a group is needed to replay them: a compacted log keeps only the newest of each key.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import ClassVar

from logpost_broker.groups.modern.events import (
    Forgotten,
    GroupEpochRecord,
    GroupRecord,
    MemberRecord,
    TargetEpochRecord,
)

TopicIdPartition = tuple[uuid.UUID, int]
Partitions = frozenset[TopicIdPartition]


class MemberState(IntEnum):
    """How far a member is on its way to its target; the values are Kafka's."""

    STABLE = 0
    """It has its target, or will find out by its next heartbeat that it has not."""
    UNREVOKED_PARTITIONS = 1
    """It has to let partitions go before it gets others."""
    UNRELEASED_PARTITIONS = 2
    """It waits for partitions that others have to let go."""


class RecordType(Enum):
    """The keys' types."""

    GROUP = 3
    MEMBER = 5
    TARGET_EPOCH = 6
    TARGET = 7
    CURRENT = 8
    REGULAR_EXPRESSION = 16


class GroupEpochStored(GroupEpochRecord):
    __slots__ = ()
    TYPE: ClassVar[RecordType] = RecordType.GROUP


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassicMember:
    """What a member said that speaks the classic protocol."""

    session_timeout_ms: int
    protocols: tuple[tuple[str, bytes], ...]
    """(name, metadata), the preferred first; there is one at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberStored(MemberRecord):
    TYPE: ClassVar[RecordType] = RecordType.MEMBER
    group_id: str
    member_id: str
    instance_id: str | None
    rack_id: str | None
    client_id: str
    client_host: str
    topic_names: tuple[str, ...]
    topic_regex: str
    """Empty where there is none."""
    rebalance_timeout_ms: int
    server_assignor: str | None
    classic: ClassicMember | None = None
    """None for a member that speaks the new protocol."""


class TargetEpochStored(TargetEpochRecord):
    __slots__ = ()
    TYPE: ClassVar[RecordType] = RecordType.TARGET_EPOCH


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetStored(MemberRecord):
    """What a member should have."""

    TYPE: ClassVar[RecordType] = RecordType.TARGET
    group_id: str
    member_id: str
    partitions: Partitions


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentStored(MemberRecord):
    """What a member has."""

    TYPE: ClassVar[RecordType] = RecordType.CURRENT
    group_id: str
    member_id: str
    epoch: int
    previous_epoch: int
    state: MemberState
    assigned: Partitions
    revoking: Partitions
    """What it has been told to let go, and has not yet."""
    assignment_epochs: Mapping[TopicIdPartition, int] = field(default_factory=dict)
    """The epoch since which it has a partition, where that is known."""

    @property
    def held(self) -> Partitions:
        """What nobody else may be given."""
        return self.assigned | self.revoking

    @property
    def owed(self) -> Partitions | None:
        """What it must say in time that it has let go; None: nothing."""
        return self.revoking if self.state is MemberState.UNREVOKED_PARTITIONS else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegexResolved(GroupRecord):
    """The topics that a regular expression of the group matches."""

    TYPE: ClassVar[RecordType] = RecordType.REGULAR_EXPRESSION
    group_id: str
    regex: str
    topics: tuple[str, ...]
    """Sorted."""
    metadata_version: int
    timestamp_ms: int

    @property
    def name(self) -> str | None:
        return self.regex


class ConsumerForgotten(Forgotten):
    """Of the group, or of a member or a regular expression of it."""

    __slots__ = ()


ConsumerGroupEvent = (
    GroupEpochStored
    | MemberStored
    | TargetEpochStored
    | TargetStored
    | CurrentStored
    | RegexResolved
    | ConsumerForgotten
)
