"""Which kind of group an id stands for: never two kinds at once. Every coordinator of groups registers here and asks
here before it makes a group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class GroupKind(Enum):
    """The values are what ListGroups calls them."""

    CLASSIC = "classic"
    CONSUMER = "consumer"
    SHARE = "share"
    STREAMS = "streams"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedGroup:
    """A group of any kind."""

    group_id: str
    kind: GroupKind
    protocol_type: str
    state: str


class GroupKinds:
    def __init__(self) -> None:
        self._holds: dict[GroupKind, Callable[[str], bool]] = {}

    def register(self, kind: GroupKind, holds: Callable[[str], bool]) -> None:
        """`holds`: whether there is a group of this kind with an id."""
        self._holds[kind] = holds

    def of(self, group_id: str) -> GroupKind | None:
        """None where there is no such group."""
        return next((kind for kind, holds in self._holds.items() if holds(group_id)), None)
