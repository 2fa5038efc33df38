"""Offsets that were committed in a transaction: nobody sees them until it is committed, and then all at once.

The journal is compacted, so that of two commits of a partition the one that was written later wins, whenever its
transaction ends. A pending offset is therefore forgotten as soon as a later one counts.
"""

from __future__ import annotations

from logpost_broker.groups.events import OffsetCommitted, OffsetPending

Place = tuple[str, str, int]
"""Group id, topic, partition."""


class PendingOffsets:
    def __init__(self) -> None:
        self._at: dict[Place, dict[int, OffsetPending]] = {}
        """Place → producer id → its newest commit there, in the order of writing."""
        self._places: dict[int, set[Place]] = {}
        """Producer id → where it has something pending."""

    def is_pending(self, group_id: str, topic: str, partition: int) -> bool:
        return (group_id, topic, partition) in self._at

    def of_group(self, group_id: str) -> list[OffsetPending]:
        return [event for event in self.all() if event.offset.group_id == group_id]

    def all(self) -> list[OffsetPending]:
        """Of each partition in the order of writing."""
        return [event for pending in self._at.values() for event in pending.values()]

    def add(self, event: OffsetPending) -> None:
        place = _place(event.offset)
        pending = self._at.setdefault(place, {})
        pending.pop(event.producer.producer_id, None)
        pending[event.producer.producer_id] = event
        self._places.setdefault(event.producer.producer_id, set()).add(place)

    def overtake(self, place: Place) -> None:
        """A commit, or a deletion, that needs no transaction."""
        self._drop(place, [*self._at.get(place, ())])

    def end(self, producer_id: int, *, commit: bool) -> list[OffsetCommitted]:
        """The transaction of this producer has ended; answers what counts from now on."""
        committed = []
        for place in sorted(self._places.get(producer_id, ())):
            producers = [*self._at[place]]
            if commit:
                committed.append(self._at[place][producer_id].offset)
                self._drop(place, producers[: producers.index(producer_id) + 1])
            else:
                self._drop(place, [producer_id])
        return committed

    def _drop(self, place: Place, producer_ids: list[int]) -> None:
        for producer_id in producer_ids:
            del self._at[place][producer_id]
            places = self._places[producer_id]
            places.remove(place)
            if not places:
                del self._places[producer_id]
        if not self._at.get(place, True):
            del self._at[place]


def _place(event: OffsetCommitted) -> Place:
    return event.group_id, event.topic, event.partition
