"""A group as the newest record of each key. Each protocol reads off it what its rules need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, ClassVar, Generic, Self, TypeVar, cast

from logpost_broker.groups.modern.events import Forgotten, GroupEpochRecord, GroupRecord, TargetEpochRecord

E = TypeVar("E")
"""The protocol's events."""
R = TypeVar("R", bound=GroupRecord)


class ModernGroup(Generic[E]):
    TYPES: ClassVar[type[Enum]]
    FORGOTTEN: ClassVar[type[Forgotten]]
    GROUP_EPOCH: ClassVar[type[GroupEpochRecord]]
    TARGET_EPOCH: ClassVar[type[TargetEpochRecord]]
    FIRST_EPOCH: ClassVar[int] = 1
    """Of a group, and of its targets, before anything was decided."""
    OF_MEMBER: ClassVar[tuple[Enum, ...]]
    """Types that each member has one of, and in which order a member is forgotten."""
    OF_GROUP: ClassVar[tuple[Enum, ...]]
    """Types that the group has one of, and in which order it is forgotten."""

    def __init__(self, group_id: str) -> None:
        self.group_id = group_id
        self._records: dict[Enum, dict[str, Any]] = {type_: {} for type_ in self.TYPES}

    def copy(self) -> Self:
        """To decide on: what is decided changes only the copy."""
        made = type(self)(self.group_id)
        made._records = {type_: dict(records) for type_, records in self._records.items()}
        return made

    def one(self, kind: type[R]) -> R | None:
        """The record of a type of which the group has one."""
        return cast("R | None", self._records[kind.TYPE].get(""))

    def all(self, kind: type[R]) -> dict[str, R]:
        """The records of a type, by name."""
        return cast("dict[str, R]", self._records[kind.TYPE])

    @property
    def members(self) -> Mapping[str, Any]:
        """By id: their last type in `OF_MEMBER` says that they are there."""
        return self._records[self.OF_MEMBER[-1]]

    @property
    def epoch(self) -> int:
        stored = self.one(self.GROUP_EPOCH)
        return self.FIRST_EPOCH if stored is None else stored.epoch

    @property
    def metadata_hash(self) -> int:
        stored = self.one(self.GROUP_EPOCH)
        return 0 if stored is None else stored.metadata_hash

    @property
    def target_epoch(self) -> int:
        stored = self.one(self.TARGET_EPOCH)
        return self.FIRST_EPOCH if stored is None else stored.epoch

    @property
    def is_unused(self) -> bool:
        return not any(self._records.values())

    def apply(self, event: E) -> None:
        if isinstance(event, Forgotten):
            self._records[event.type].pop(event.name or "", None)
        elif isinstance(event, GroupRecord):
            self._records[event.TYPE][event.name or ""] = event

    def events(self) -> list[E]:
        """The group as events: applied to nothing, in any order, they give it."""
        return [record for records in self._records.values() for record in records.values()]

    def tombstones(self) -> Iterable[E]:
        """What forgets all of it."""
        for member_id in {name for type_ in self.OF_MEMBER for name in self._records[type_]}:
            yield from self.tombstones_of(member_id)
        for type_ in self.OF_GROUP:
            yield self.forgotten(type_)

    def tombstones_of(self, member_id: str) -> Iterable[E]:
        return (self.forgotten(type_, member_id) for type_ in self.OF_MEMBER)

    def forgotten(self, type_: Enum, name: str | None = None) -> E:
        return cast("E", self.FORGOTTEN(group_id=self.group_id, type=type_, name=name))
