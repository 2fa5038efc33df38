"""All groups of one protocol, and what is done alike with those of each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Generic, TypeVar

from logpost_broker.coordinator.outcome import Draft, Outcome, Reply, Waiter
from logpost_broker.groups.modern.events import Forgotten, GroupRecord
from logpost_broker.groups.modern.group import ModernGroup

E = TypeVar("E", bound=GroupRecord | Forgotten)
G = TypeVar("G", bound=ModernGroup)  # type: ignore[type-arg]  # of the protocol's events


class ModernGroups(Generic[G, E]):
    def __init__(self, make: Callable[[str], G]) -> None:
        """`make`: a group of this id that nobody has used yet."""
        self._make = make
        self._groups: dict[str, G] = {}

    def __contains__(self, group_id: str) -> bool:
        return group_id in self._groups

    def group_ids(self) -> Collection[str]:
        return self._groups.keys()

    def groups(self) -> list[G]:
        return list(self._groups.values())

    def has_member(self, group_id: str, member_id: str) -> bool:
        group = self._groups.get(group_id)
        return group is not None and member_id in group.members

    def is_empty(self, group_id: str) -> bool:
        return not self._groups[group_id].members

    def deletions_of(self, group_id: str) -> Iterable[E]:
        """What forgets the group, which is there."""
        events: Iterable[E] = self._groups[group_id].tombstones()
        return events

    def to_decide_on(self, group_id: str) -> G:
        """A copy of the group, or a new one."""
        known = self._groups.get(group_id)
        return self._make(group_id) if known is None else known.copy()

    def apply(self, event: E) -> None:
        group = self._groups.get(event.group_id)
        if group is None:
            group = self._groups[event.group_id] = self._make(event.group_id)
        group.apply(event)
        if group.is_unused:
            del self._groups[event.group_id]
            self.forget_beside(event.group_id)

    def forget_beside(self, group_id: str) -> None:
        """The group is gone: so is what is known of it beside its records."""

    def snapshot(self) -> list[E]:
        return [event for group in self._groups.values() for event in group.events()]


def refused(draft: Draft, waiter: Waiter, reply: Reply) -> Outcome:
    """Nothing of what was decided so far is in it."""
    alone = Draft(draft.now_ms)
    alone.reply(waiter, reply)
    return alone.outcome()
