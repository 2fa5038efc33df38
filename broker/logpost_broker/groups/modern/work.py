"""A call in the making: what is decided is applied to a copy of the group at once, so that the next step sees it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from logpost_broker.coordinator.outcome import Draft
from logpost_broker.groups.modern.group import ModernGroup
from logpost_broker.metadata.topics_image import TopicsImage

G = TypeVar("G", bound=ModernGroup[Any])
L = TypeVar("L")
Owed = TypeVar("Owed")


@dataclass(frozen=True, slots=True)
class Work(Generic[G, L]):
    group: G
    """The copy."""
    image: TopicsImage
    limits: L
    draft: Draft

    def emit(self, event: Any) -> None:
        self.draft.events.append(event)
        self.group.apply(event)


def arm_revocation(draft: Draft, timer: Hashable, timeout_ms: int, before: Owed | None, owed: Owed | None) -> None:
    """A member must say in time that it let go of what it owes; None: nothing. `before`: what it owed until now."""
    if owed is not None and owed != before:
        draft.set_timer(timer, timeout_ms)
    elif owed is None and before is not None:
        draft.cancel_timer(timer)
