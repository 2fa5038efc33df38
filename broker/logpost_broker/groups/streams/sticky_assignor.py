"""The sticky assignor: which member gets which task, a function of values (Kafka's `StickyTaskAssignor`).

Active tasks stay where they are while their member has no more than its share; others go first to who has their state
as a standby, then to the process with the fewest tasks per member. Standby tasks go to other processes than the active
one and than each other, again first to who has them.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from logpost_broker.groups.streams.tasks import TaskId, Tasks


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentMember:
    process_id: str
    previous: Tasks
    """Its last target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TasksToAssign:
    stateful: tuple[TaskId, ...] = ()
    stateless: tuple[TaskId, ...] = ()
    standby_replicas: int = 0
    """Of each stateful task."""


def assign(members: Mapping[str, AssignmentMember], tasks: TasksToAssign) -> Mapping[str, Tasks]:
    """Member id → its tasks. There are members."""
    assignment = _Assignment(members, tasks)
    assignment.assign_active((*tasks.stateful, *tasks.stateless))
    if tasks.standby_replicas:
        assignment.assign_standbys(tasks.stateful, tasks.standby_replicas)
    return {
        member_id: Tasks(
            active=frozenset(assignment.active[member_id]), standby=frozenset(assignment.standby[member_id])
        )
        for member_id in members
    }


@dataclass(slots=True)
class _Process:
    id: str
    members: dict[str, int] = field(default_factory=dict)
    """Member id → how many tasks it has."""
    tasks: set[TaskId] = field(default_factory=set)

    @property
    def load(self) -> float:
        return sum(self.members.values()) / len(self.members)

    def least_loaded(self) -> str:
        return min(sorted(self.members), key=self.members.__getitem__)


@dataclass(slots=True)
class _Share:
    """How many tasks a member may keep: an equal part of what those that are full leave."""

    tasks: int
    members: int

    @property
    def limit(self) -> int:
        return -(-self.tasks // self.members) if self.members else 0

    def count(self, of_member: int) -> None:
        """A member has so many now."""
        limit = self.limit
        if of_member == limit:
            self.members -= 1
            self.tasks -= limit


class _Assignment:
    def __init__(self, members: Mapping[str, AssignmentMember], tasks: TasksToAssign) -> None:
        self._members = members
        self.active: dict[str, set[TaskId]] = {member_id: set() for member_id in members}
        self.standby: dict[str, set[TaskId]] = {member_id: set() for member_id in members}
        self._processes: dict[str, _Process] = {}
        self._previous_active: dict[TaskId, str] = {}
        self._previous_standbys: dict[TaskId, list[str]] = {}
        for member_id, member in sorted(members.items()):
            process = self._processes.setdefault(member.process_id, _Process(member.process_id))
            process.members[member_id] = 0
            self._previous_active |= dict.fromkeys(member.previous.active, member_id)
            for task in member.previous.standby | member.previous.warmup:
                self._previous_standbys.setdefault(task, []).append(member_id)
        active = len(tasks.stateful) + len(tasks.stateless)
        self._active_share = _Share(active, len(members))
        self._share = _Share(active + len(tasks.stateful) * tasks.standby_replicas, len(members))

    def _process(self, member_id: str) -> _Process:
        return self._processes[self._members[member_id].process_id]

    def _count(self, member_id: str) -> int:
        return self._process(member_id).members[member_id]

    def _add(self, member_id: str, task: TaskId, *, is_active: bool) -> None:
        process = self._process(member_id)
        process.members[member_id] += 1
        process.tasks.add(task)
        (self.active if is_active else self.standby)[member_id].add(task)
        if is_active:
            self._active_share.count(process.members[member_id])
        self._share.count(process.members[member_id])

    def assign_active(self, tasks: Iterable[TaskId]) -> None:
        # The same partitions of several subtopologies lie together.
        left = sorted(tasks, key=_by_partition)
        left = [task for task in left if not self._keep_active(task, self._previous_active.get(task))]
        left = [task for task in left if not self._keep_active(task, self._least_loaded_standby(task))]
        queue = self._by_load()
        for task in sorted(left):
            _, _, process = heapq.heappop(queue)
            self._add(process.least_loaded(), task, is_active=True)
            heapq.heappush(queue, (process.load, process.id, process))

    def _keep_active(self, task: TaskId, member_id: str | None) -> bool:
        if member_id is None or self._count(member_id) >= self._active_share.limit:
            return False
        self._add(member_id, task, is_active=True)
        return True

    def assign_standbys(self, tasks: Iterable[TaskId], replicas: int) -> None:
        left: list[tuple[TaskId, int]] = []
        for task in sorted(tasks, key=_by_partition, reverse=True):
            kept = 0
            while kept < replicas and self._keep_standby(task):
                kept += 1
            left.append((task, replicas - kept))
        queue = self._by_load()
        for task in chain.from_iterable([task] * missing for task, missing in sorted(left, reverse=True)):
            self._add_standby(queue, task)

    def _keep_standby(self, task: TaskId) -> bool:
        """Who had the task before, active or standby, gets it as a standby."""
        for member_id in (self._previous_active.get(task), self._least_loaded_standby(task)):
            if member_id is None or task in self._process(member_id).tasks:
                continue
            if self._count(member_id) < self._share.limit:
                self._add(member_id, task, is_active=False)
                return True
        return False

    def _add_standby(self, queue: list[tuple[float, str, _Process]], task: TaskId) -> None:
        """To the process with the least load that has the task in no role; to nobody where all have."""
        skipped = []
        while queue:
            entry = heapq.heappop(queue)
            process = entry[2]
            if task not in process.tasks:
                self._add(process.least_loaded(), task, is_active=False)
                skipped.append((process.load, process.id, process))
                break
            skipped.append(entry)
        for entry in skipped:
            heapq.heappush(queue, entry)

    def _least_loaded_standby(self, task: TaskId) -> str | None:
        """Of those that had the task as a standby, and whose process has it in no role now."""
        candidates: Sequence[str] = [
            member_id
            for member_id in self._previous_standbys.get(task, ())
            if task not in self._process(member_id).tasks
        ]
        return min(
            candidates, key=lambda member_id: (self._process(member_id).load, self._count(member_id)), default=None
        )

    def _by_load(self) -> list[tuple[float, str, _Process]]:
        queue = [(process.load, process.id, process) for process in self._processes.values()]
        heapq.heapify(queue)
        return queue


def _by_partition(task: TaskId) -> tuple[int, str]:
    return task[1], task[0]
