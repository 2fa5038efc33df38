"""All groups of one protocol, and what is done alike with those of each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Generic, TypeVar

from kio.schema.errors import ErrorCode

from logpost_broker.coordinator.outcome import Draft, Outcome, Reply, Waiter
from logpost_broker.errors import ApiError
from logpost_broker.groups.modern.events import Forgotten, GroupRecord
from logpost_broker.groups.modern.group import ModernGroup
from logpost_broker.groups.modern.work import Work
from logpost_broker.metadata.topics_image import TopicsImage

E = TypeVar("E", bound=GroupRecord | Forgotten)
G = TypeVar("G", bound=ModernGroup)  # type: ignore[type-arg]  # of the protocol's events
L = TypeVar("L")


class ModernGroups(Generic[G, E, L]):
    def __init__(
        self, make: Callable[[str], G], limits_of: Callable[[str], L], image: Callable[[], TopicsImage]
    ) -> None:
        """`make`: a group of this id that nobody has used yet. `limits_of` a group and `image` of the topics: as they
        are at the time of a call."""
        self._make = make
        self._limits_of = limits_of
        self._image = image
        self._groups: dict[str, G] = {}
        self._seen: dict[str, int] = {}
        """Group id → the version of the topics that it is up to date with."""

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

    def work_on(self, group: G, draft: Draft) -> Work[G, L]:
        """`group` is a copy."""
        return Work(group, self._image(), self._limits_of(group.group_id), draft)

    def is_seen(self, group_id: str) -> bool:
        """The group is up to date with the topics as they are now."""
        return self._seen.get(group_id) == self._image().version

    def note_seen(self, work: Work[G, L]) -> None:
        """Only what changed nothing is sure to be in the journal."""
        if not work.draft.events:
            self._seen[work.group.group_id] = work.image.version

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
        self._seen.pop(group_id, None)

    def snapshot(self) -> list[E]:
        return [event for group in self._groups.values() for event in group.events()]


def refused(draft: Draft, waiter: Waiter, reply: Reply) -> Outcome:
    """Nothing of what was decided so far is in it."""
    alone = Draft(draft.now_ms)
    alone.reply(waiter, reply)
    return alone.outcome()


def check_epoch(epoch: int, current_epoch: int, had_since: Sequence[int | None]) -> None:
    """A member that says another epoch than its own. Of an earlier one it may commit what it has had since then
    (KIP-1251): `had_since` has the epoch of each, None where that is not known. Raises ApiError STALE_MEMBER_EPOCH."""
    has_had_all = all(since is not None and since <= epoch for since in had_since)
    if epoch > current_epoch or not had_since or not has_had_all:
        raise ApiError(ErrorCode.stale_member_epoch)
