"""Offsets that were committed in a transaction: nobody sees them until it is committed, and then all at once.

The journal is compacted, so that of two commits of a partition the one that was written later wins, whenever its
transaction ends. A pending offset is therefore forgotten as soon as a later one counts.
"""

from __future__ import annotations

from logpost_broker.groups.offsets.events import OffsetCommitted, OffsetPending

Where = tuple[str, int]
"""Topic and partition."""
Place = tuple[str, Where]
"""Group id, and where."""


class PendingOffsets:
    def __init__(self) -> None:
        self._of_groups: dict[str, dict[Where, dict[int, OffsetPending]]] = {}
        """Group id → where → producer id → its newest commit there, in the order of writing."""
        self._places: dict[int, set[Place]] = {}
        """Producer id → where it has something pending."""

    def is_pending(self, group_id: str, topic: str, partition: int) -> bool:
        return (topic, partition) in self._of_groups.get(group_id, ())

    def places_of(self, group_id: str) -> frozenset[Where]:
        return frozenset(self._of_groups.get(group_id, ()))

    def of_group(self, group_id: str) -> list[OffsetPending]:
        return [event for pending in self._of_groups.get(group_id, {}).values() for event in pending.values()]

    def all(self) -> list[OffsetPending]:
        """Of each partition in the order of writing."""
        return [event for group_id in self._of_groups for event in self.of_group(group_id)]

    def add(self, event: OffsetPending) -> None:
        offset, producer_id = event.offset, event.producer.producer_id
        where = offset.topic, offset.partition
        pending = self._of_groups.setdefault(offset.group_id, {}).setdefault(where, {})
        pending.pop(producer_id, None)
        pending[producer_id] = event
        self._places.setdefault(producer_id, set()).add((offset.group_id, where))

    def overtake(self, group_id: str, where: Where) -> None:
        """A commit, or a deletion, that needs no transaction."""
        self._drop((group_id, where), [*self._of_groups.get(group_id, {}).get(where, ())])

    def end(self, producer_id: int, *, commit: bool) -> dict[str, dict[Where, OffsetCommitted]]:
        """The transaction of this producer has ended; returns what counts from now on, by group."""
        committed: dict[str, dict[Where, OffsetCommitted]] = {}
        shared = []
        for place in self._places.get(producer_id, ()):
            group_id, where = place
            pending = self._of_groups[group_id][where]
            if commit:
                committed.setdefault(group_id, {})[where] = pending[producer_id].offset
            if len(pending) > 1:
                shared.append(place)
            else:  # as nearly always: there may be many, and all others wait
                del self._of_groups[group_id][where]
        for group_id in {group_id for group_id, _ in self._places.get(producer_id, ())}:
            if not self._of_groups[group_id]:
                del self._of_groups[group_id]
        for group_id, where in shared:
            producers = [*self._of_groups[group_id][where]]
            ended = producers[: producers.index(producer_id) + 1] if commit else [producer_id]
            self._drop((group_id, where), ended)
        self._places.pop(producer_id, None)
        return committed

    def _drop(self, place: Place, producer_ids: list[int]) -> None:
        if not producer_ids:
            return
        group_id, where = place
        group = self._of_groups[group_id]
        for producer_id in producer_ids:
            del group[where][producer_id]
            places = self._places[producer_id]
            places.remove(place)
            if not places:
                del self._places[producer_id]
        if not group[where]:
            del group[where]
        if not group:
            del self._of_groups[group_id]
