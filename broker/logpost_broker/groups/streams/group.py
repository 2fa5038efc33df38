"""A streams group: the data, and what can be read off it. The rules are in `heartbeat.py` and `reconciliation.py`."""

from __future__ import annotations

from enum import Enum

from logpost_broker.groups.modern.group import ModernGroup
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


class StreamsGroup(ModernGroup[StreamsGroupEvent]):
    TYPES = StreamsRecordType
    FORGOTTEN = StreamsForgotten
    GROUP_EPOCH = StreamsGroupStored
    TARGET_EPOCH = StreamsTargetEpochStored
    OF_MEMBER = (StreamsRecordType.CURRENT, StreamsRecordType.TARGET, StreamsRecordType.MEMBER)
    OF_GROUP = (StreamsRecordType.TARGET_EPOCH, StreamsRecordType.GROUP, StreamsRecordType.TOPOLOGY)

    @property
    def stored(self) -> StreamsGroupStored | None:
        return self.one(StreamsGroupStored)

    @property
    def topology_stored(self) -> StreamsTopologyStored | None:
        return self.one(StreamsTopologyStored)

    @property
    def target_stored(self) -> StreamsTargetEpochStored | None:
        return self.one(StreamsTargetEpochStored)

    @property
    def members(self) -> dict[str, StreamsMemberStored]:
        return self.all(StreamsMemberStored)

    @property
    def targets(self) -> dict[str, StreamsTargetStored]:
        return self.all(StreamsTargetStored)

    @property
    def current(self) -> dict[str, StreamsCurrentStored]:
        return self.all(StreamsCurrentStored)

    @property
    def validated_topology_epoch(self) -> int:
        return NO_TOPOLOGY_EPOCH if self.stored is None else self.stored.validated_topology_epoch

    @property
    def assignment_configs(self) -> tuple[tuple[str, str], ...]:
        return () if self.stored is None else self.stored.assignment_configs

    @property
    def assigned_at_ms(self) -> int:
        """0 where tasks were never given out."""
        return 0 if self.target_stored is None else self.target_stored.timestamp_ms

    @property
    def topology(self) -> Topology | None:
        return None if self.topology_stored is None else self.topology_stored.topology

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
