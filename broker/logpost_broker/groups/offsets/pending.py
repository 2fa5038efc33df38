"""Offsets that were committed in a transaction: nobody sees them until it is committed, and then all at once.

The journal is compacted, so that of two commits of a partition the one that was written later wins, whenever its
transaction ends. A pending offset is therefore forgotten as soon as a later one counts.
"""

from __future__ import annotations

from collections.abc import Collection

from logpost_broker.groups.offsets.events import OffsetCommitted, OffsetPending

Where = tuple[str, int]
"""Topic and partition."""


class PendingOffsets:
    """A transaction may have 100,000, which end in one step: hence one dictionary of each producer and group."""

    def __init__(self) -> None:
        self._of_producers: dict[int, dict[str, dict[Where, OffsetPending]]] = {}
        """Producer id → group id → where → its newest commit there."""
        self._producers: dict[str, dict[Where, tuple[int, ...]]] = {}
        """Group id → where → who has something pending there, in the order of writing."""

    def is_pending(self, group_id: str, topic: str, partition: int) -> bool:
        return (topic, partition) in self._producers.get(group_id, ())

    def group_ids(self) -> Collection[str]:
        return self._producers.keys()

    def places_of(self, group_id: str) -> frozenset[Where]:
        return frozenset(self._producers.get(group_id, ()))

    def of_group(self, group_id: str) -> list[OffsetPending]:
        """Of each partition in the order of writing."""
        places = self._producers.get(group_id, {}).items()
        return [self._of_producers[one][group_id][where] for where, producers in places for one in producers]

    def all(self) -> list[OffsetPending]:
        """As `of_group`, of each."""
        return [event for group_id in self._producers for event in self.of_group(group_id)]

    def add(self, event: OffsetPending) -> None:
        offset, producer_id = event.offset, event.producer.producer_id
        where = offset.topic, offset.partition
        places = self._producers.setdefault(offset.group_id, {})
        others = [one for one in places.get(where, ()) if one != producer_id]
        places[where] = (*others, producer_id)
        self._of_producers.setdefault(producer_id, {}).setdefault(offset.group_id, {})[where] = event

    def overtake(self, group_id: str, where: Where) -> None:
        """A commit, or a deletion, that needs no transaction."""
        places = self._producers.get(group_id)
        if places is None:
            return
        for producer_id in places.pop(where, ()):
            self._forget(producer_id, group_id, where)
        if not places:
            del self._producers[group_id]

    def end(self, producer_id: int, *, commit: bool) -> dict[str, dict[Where, OffsetCommitted]]:
        """The transaction of this producer has ended; returns what counts from now on, by group."""
        committed: dict[str, dict[Where, OffsetCommitted]] = {}
        for group_id, pending in self._of_producers.pop(producer_id, {}).items():
            if commit:
                committed[group_id] = {where: event.offset for where, event in pending.items()}
            places = self._producers[group_id]
            for where in pending:
                producers = places.pop(where)
                if len(producers) > 1:
                    before, after = _parted(producers, producer_id)
                    for overtaken in before if commit else ():
                        self._forget(overtaken, group_id, where)
                    if left := after if commit else before + after:
                        places[where] = left
            if not places:
                del self._producers[group_id]
        return committed

    def _forget(self, producer_id: int, group_id: str, where: Where) -> None:
        groups = self._of_producers[producer_id]
        del groups[group_id][where]
        if not groups[group_id]:
            del groups[group_id]
        if not groups:
            del self._of_producers[producer_id]


def _parted(producers: tuple[int, ...], producer_id: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Those before this one, and those after it."""
    place = producers.index(producer_id)
    return producers[:place], producers[place + 1 :]
