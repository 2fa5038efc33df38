"""From a group of a new epoch to new targets of its members."""

from __future__ import annotations

from logpost_broker.groups.streams.configured_topology import ConfiguredSubtopology, ConfiguredTopology
from logpost_broker.groups.streams.events import StreamsTargetEpochStored, StreamsTargetStored
from logpost_broker.groups.streams.statuses import Status, StatusCode
from logpost_broker.groups.streams.sticky_assignor import AssignmentMember, TasksToAssign, assign
from logpost_broker.groups.streams.tasks import NO_TASKS, TaskId
from logpost_broker.groups.streams.work import Work

NUM_STANDBY_REPLICAS = "num.standby.replicas"


def assignment_configs(work: Work) -> tuple[tuple[str, str], ...]:
    return ((NUM_STANDBY_REPLICAS, str(work.limits.num_standby_replicas)),)


def refresh_targets(work: Work, configured: ConfiguredTopology, *, is_delayed: bool) -> Status | None:
    """New targets where the group is of a later epoch than they are; or why not yet."""
    group = work.group
    if is_delayed:
        detail = "Assignment delayed due to the configured initial rebalance delay."
        return Status(StatusCode.ASSIGNMENT_DELAYED, detail)
    if group.target_epoch >= group.epoch:
        return None
    since_ms = work.draft.now_ms - group.assigned_at_ms
    if group.assigned_at_ms and 0 <= since_ms < work.limits.assignment_interval_ms:
        detail = "Assignment delayed due to the configured assignment interval."
        return Status(StatusCode.ASSIGNMENT_DELAYED, detail)
    _assign(work, configured)
    return None


def _assign(work: Work, configured: ConfiguredTopology) -> None:
    """Nobody has tasks of a topology that is not ready; such targets do not count for the interval."""
    group = work.group
    targets = dict.fromkeys(group.members, NO_TASKS)
    if configured.is_ready:
        targets |= assign(
            {
                member_id: AssignmentMember(process_id=member.process_id, previous=group.target_of(member_id))
                for member_id, member in group.members.items()
            },
            _tasks(configured, work.limits.num_standby_replicas),
        )
    for member_id, tasks in targets.items():
        known = group.targets.get(member_id)
        if known is None or known.tasks != tasks:
            work.emit(StreamsTargetStored(group_id=group.group_id, member_id=member_id, tasks=tasks))
    timestamp_ms = work.draft.now_ms if configured.is_ready else 0
    work.emit(StreamsTargetEpochStored(group_id=group.group_id, epoch=group.epoch, timestamp_ms=timestamp_ms))


def _tasks(configured: ConfiguredTopology, standby_replicas: int) -> TasksToAssign:
    parts = configured.subtopologies.values()
    return TasksToAssign(
        stateful=tuple(task for part in parts if part.is_stateful for task in _tasks_of(part)),
        stateless=tuple(task for part in parts if not part.is_stateful for task in _tasks_of(part)),
        standby_replicas=standby_replicas,
    )


def _tasks_of(part: ConfiguredSubtopology) -> list[TaskId]:
    return [(part.id, partition) for partition in range(part.tasks)]
