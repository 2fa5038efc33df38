"""What the journal holds of streams groups: each event is one record of `__consumer_offsets`.

No order among the records of a group is needed to replay them: a compacted log keeps only the newest of each key.
"""

from __future__ import annotations

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
from logpost_broker.groups.streams.tasks import NO_TASKS, TaskId, Tasks
from logpost_broker.groups.streams.topology import Topology

NO_TOPOLOGY_EPOCH = -1


class StreamsMemberState(IntEnum):
    """How far a member is on its way to its target; the values are Kafka's."""

    STABLE = 1
    """It has its target, or will find out by its next heartbeat that it has not."""
    UNREVOKED_TASKS = 2
    """It has to let tasks go before it gets others."""
    UNRELEASED_TASKS = 3
    """It waits for tasks that others have to let go."""


class StreamsRecordType(Enum):
    """The keys' types."""

    GROUP = 17
    MEMBER = 19
    TARGET_EPOCH = 20
    TARGET = 21
    CURRENT = 22
    TOPOLOGY = 23


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a member answers interactive queries."""

    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamsGroupStored(GroupEpochRecord):
    """Members, topology, topics or configuration are now of this epoch."""

    TYPE: ClassVar[StreamsRecordType] = StreamsRecordType.GROUP
    validated_topology_epoch: int = NO_TOPOLOGY_EPOCH
    """The topology whose topics are all there and fit, -1 where they do not."""
    assignment_configs: tuple[tuple[str, str], ...] = ()
    """What the assignor is told beside members and tasks; sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamsTopologyStored(GroupRecord):
    TYPE: ClassVar[StreamsRecordType] = StreamsRecordType.TOPOLOGY
    group_id: str
    topology: Topology


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamsMemberStored(MemberRecord):
    TYPE: ClassVar[StreamsRecordType] = StreamsRecordType.MEMBER
    group_id: str
    member_id: str
    instance_id: str | None
    rack_id: str | None
    client_id: str
    client_host: str
    rebalance_timeout_ms: int
    topology_epoch: int
    process_id: str
    """Members of one process share a state directory: it never has a task twice."""
    user_endpoint: Endpoint | None
    client_tags: tuple[tuple[str, str], ...]
    """Sorted."""


class StreamsTargetEpochStored(TargetEpochRecord):
    """Its time is 0 for targets that nothing was decided for."""

    __slots__ = ()
    TYPE: ClassVar[StreamsRecordType] = StreamsRecordType.TARGET_EPOCH


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamsTargetStored(MemberRecord):
    """What a member should have."""

    TYPE: ClassVar[StreamsRecordType] = StreamsRecordType.TARGET
    group_id: str
    member_id: str
    tasks: Tasks


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamsCurrentStored(MemberRecord):
    """What a member has."""

    TYPE: ClassVar[StreamsRecordType] = StreamsRecordType.CURRENT
    group_id: str
    member_id: str
    epoch: int
    previous_epoch: int
    state: StreamsMemberState = StreamsMemberState.STABLE
    assigned: Tasks = NO_TASKS
    revoking: Tasks = NO_TASKS
    """What it has been told to let go, and has not yet."""
    assignment_epochs: Mapping[TaskId, int] = field(default_factory=dict)
    """The epoch since which it has an active task."""

    @property
    def held(self) -> Tasks:
        """What its process still works on."""
        return self.assigned | self.revoking

    @property
    def owed(self) -> Tasks | None:
        """What it must say in time that it has let go; None: nothing."""
        return self.revoking if self.state is StreamsMemberState.UNREVOKED_TASKS else None


class StreamsForgotten(Forgotten):
    """Of the group, or of a member of it."""

    __slots__ = ()


StreamsGroupEvent = (
    StreamsGroupStored
    | StreamsTopologyStored
    | StreamsMemberStored
    | StreamsTargetEpochStored
    | StreamsTargetStored
    | StreamsCurrentStored
    | StreamsForgotten
)
