"""A streams group: the data, and what can be read off it. The rules are in `heartbeat.py` and `reconciliation.py`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from logpost_broker.groups.streams.events import (
    NO_TOPOLOGY_EPOCH,
    StreamsCurrentStored,
    StreamsForgotten,
    StreamsGroupEvent,
    StreamsGroupStored,
    StreamsMemberState,
    StreamsMemberStored,
    StreamsRecordType,
    StreamsTargetEpochStored,
    StreamsTargetStored,
    StreamsTopologyStored,
)
from logpost_broker.groups.streams.tasks import NO_TASKS, Tasks, TaskSet
from logpost_broker.groups.streams.topology import Topology

FIRST_EPOCH = 1
"""Of a group, and of its targets, before anything was decided."""


class StreamsGroupState(Enum):
    """The values are what StreamsGroupDescribe and ListGroups call them."""

    EMPTY = "Empty"
    NOT_READY = "NotReady"
    """Topics of the topology are missing, or do not fit."""
    ASSIGNING = "Assigning"
    """The targets are older than the group."""
    RECONCILING = "Reconciling"
    """Some member does not have its target yet."""
    STABLE = "Stable"


@dataclass(slots=True, kw_only=True, eq=False)
class StreamsGroup:
    group_id: str
    stored: StreamsGroupStored | None = None
    topology_stored: StreamsTopologyStored | None = None
    target_stored: StreamsTargetEpochStored | None = None
    members: dict[str, StreamsMemberStored] = field(default_factory=dict)
    targets: dict[str, StreamsTargetStored] = field(default_factory=dict)
    current: dict[str, StreamsCurrentStored] = field(default_factory=dict)

    def copy(self) -> StreamsGroup:
        """To decide on: what is decided changes only the copy."""
        return StreamsGroup(
            group_id=self.group_id,
            stored=self.stored,
            topology_stored=self.topology_stored,
            target_stored=self.target_stored,
            members=dict(self.members),
            targets=dict(self.targets),
            current=dict(self.current),
        )

    @property
    def epoch(self) -> int:
        return FIRST_EPOCH if self.stored is None else self.stored.epoch

    @property
    def metadata_hash(self) -> int:
        return 0 if self.stored is None else self.stored.metadata_hash

    @property
    def validated_topology_epoch(self) -> int:
        return NO_TOPOLOGY_EPOCH if self.stored is None else self.stored.validated_topology_epoch

    @property
    def assignment_configs(self) -> tuple[tuple[str, str], ...]:
        return () if self.stored is None else self.stored.assignment_configs

    @property
    def target_epoch(self) -> int:
        return FIRST_EPOCH if self.target_stored is None else self.target_stored.epoch

    @property
    def assigned_at_ms(self) -> int:
        """0 where tasks were never given out."""
        return 0 if self.target_stored is None else self.target_stored.timestamp_ms

    @property
    def topology(self) -> Topology | None:
        return None if self.topology_stored is None else self.topology_stored.topology

    @property
    def is_unused(self) -> bool:
        return not self.events()

    @property
    def state(self) -> StreamsGroupState:
        if not self.members:
            return StreamsGroupState.EMPTY
        if self.topology is None or self.topology.epoch != self.validated_topology_epoch:
            return StreamsGroupState.NOT_READY
        if self.epoch > self.target_epoch:
            return StreamsGroupState.ASSIGNING
        if all(self._is_reconciled(member_id) for member_id in self.members):
            return StreamsGroupState.STABLE
        return StreamsGroupState.RECONCILING

    def _is_reconciled(self, member_id: str) -> bool:
        current = self.current_of(member_id)
        return current.state is StreamsMemberState.STABLE and current.epoch == self.target_epoch

    def current_of(self, member_id: str) -> StreamsCurrentStored:
        """What a member has; a new one has nothing."""
        return self.current.get(member_id) or StreamsCurrentStored(
            group_id=self.group_id, member_id=member_id, epoch=0, previous_epoch=0
        )

    def target_of(self, member_id: str) -> Tasks:
        target = self.targets.get(member_id)
        return NO_TASKS if target is None else target.tasks

    def not_free(self, member_id: str, tasks: Tasks) -> Tasks:
        """Which of these tasks the member cannot be given: an active one while anybody has it so, any while another
        member of its process has it in whatever role."""
        process_id = self.members[member_id].process_id
        active: TaskSet = frozenset()
        of_process: TaskSet = frozenset()
        for other, current in self.current.items():
            if other == member_id:
                continue
            active |= current.held.active
            if other in self.members and self.members[other].process_id == process_id:
                of_process |= current.held.all()
        return Tasks(
            active=tasks.active & (active | of_process),
            standby=tasks.standby & of_process,
            warmup=tasks.warmup & of_process,
        )

    def apply(self, event: StreamsGroupEvent) -> None:
        match event:
            case StreamsGroupStored():
                self.stored = event
            case StreamsTopologyStored():
                self.topology_stored = event
            case StreamsMemberStored():
                self.members[event.member_id] = event
            case StreamsTargetEpochStored():
                self.target_stored = event
            case StreamsTargetStored():
                self.targets[event.member_id] = event
            case StreamsCurrentStored():
                self.current[event.member_id] = event
            case StreamsForgotten():
                self._forget(event)

    def _forget(self, event: StreamsForgotten) -> None:
        member_id = event.member_id or ""
        match event.type:
            case StreamsRecordType.GROUP:
                self.stored = None
            case StreamsRecordType.TOPOLOGY:
                self.topology_stored = None
            case StreamsRecordType.MEMBER:
                self.members.pop(member_id, None)
            case StreamsRecordType.TARGET_EPOCH:
                self.target_stored = None
            case StreamsRecordType.TARGET:
                self.targets.pop(member_id, None)
            case StreamsRecordType.CURRENT:
                self.current.pop(member_id, None)

    def events(self) -> list[StreamsGroupEvent]:
        """The group as events: applied to nothing, in any order, they give it."""
        ones = (self.stored, self.topology_stored, self.target_stored)
        return [
            *(event for event in ones if event is not None),
            *self.members.values(),
            *self.targets.values(),
            *self.current.values(),
        ]

    def tombstones(self) -> Iterable[StreamsForgotten]:
        """What forgets all of it."""
        for member_id in {*self.current, *self.targets, *self.members}:
            yield from self.tombstones_of(member_id)
        for type_ in (StreamsRecordType.TARGET_EPOCH, StreamsRecordType.GROUP, StreamsRecordType.TOPOLOGY):
            yield StreamsForgotten(group_id=self.group_id, type=type_)

    def tombstones_of(self, member_id: str) -> Iterable[StreamsForgotten]:
        for type_ in (StreamsRecordType.CURRENT, StreamsRecordType.TARGET, StreamsRecordType.MEMBER):
            yield StreamsForgotten(group_id=self.group_id, type=type_, member_id=member_id)
