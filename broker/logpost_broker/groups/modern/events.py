"""The records of a group as events. A record's key is its type, the group's id and, where a group has many of the type,
the name of what it is about."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from logpost_broker.coordinator.outcome import Event


class GroupRecord(Event):
    """One of its type in a group."""

    __slots__ = ()
    TYPE: ClassVar[Enum]
    group_id: str

    @property
    def name(self) -> str | None:
        return None


class MemberRecord(GroupRecord):
    """One of its type for each member."""

    __slots__ = ()
    member_id: str

    @property
    def name(self) -> str | None:
        return self.member_id


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupEpochRecord(GroupRecord):
    """The group is now of this epoch: members, what they subscribe to, or its metadata have changed."""

    group_id: str
    epoch: int
    metadata_hash: int
    """Signed, 64 bits: of all topics that the group reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetEpochRecord(GroupRecord):
    """The targets are those of this group epoch."""

    group_id: str
    epoch: int
    timestamp_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten(Event):
    """The record of this key is gone."""

    group_id: str
    type: Enum
    name: str | None = None
