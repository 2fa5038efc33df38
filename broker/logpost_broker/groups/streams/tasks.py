"""Tasks: what a member of a streams group works on. A task is one partition of a subtopology's input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

TaskId = tuple[str, int]
"""(subtopology, partition)"""
TaskSet = frozenset[TaskId]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tasks:
    """The tasks of one member, by role."""

    active: TaskSet = frozenset()
    """It processes these."""
    standby: TaskSet = frozenset()
    """It keeps a copy of their state, to take over fast."""
    warmup: TaskSet = frozenset()
    """It restores their state, to be given them when that is done. Kafka 4.3 gives none, and so does this broker."""

    @property
    def is_empty(self) -> bool:
        return not self.all()

    def all(self) -> TaskSet:
        return self.active | self.standby | self.warmup

    def overlaps(self, other: Tasks) -> bool:
        """Whether both have a task in the same role."""
        return bool(self.active & other.active or self.standby & other.standby or self.warmup & other.warmup)

    def __and__(self, other: Tasks) -> Tasks:
        return Tasks(
            active=self.active & other.active,
            standby=self.standby & other.standby,
            warmup=self.warmup & other.warmup,
        )

    def __or__(self, other: Tasks) -> Tasks:
        return Tasks(
            active=self.active | other.active,
            standby=self.standby | other.standby,
            warmup=self.warmup | other.warmup,
        )

    def __sub__(self, other: Tasks) -> Tasks:
        return Tasks(
            active=self.active - other.active,
            standby=self.standby - other.standby,
            warmup=self.warmup - other.warmup,
        )

    def __le__(self, other: Tasks) -> bool:
        """Whether the other has all of these in the same role."""
        return (self - other).is_empty


NO_TASKS = Tasks()


def by_subtopology(tasks: TaskSet) -> Mapping[str, list[int]]:
    """Subtopology → its partitions; both sorted."""
    partitions: dict[str, list[int]] = {}
    for part_id, partition in sorted(tasks):
        partitions.setdefault(part_id, []).append(partition)
    return partitions
