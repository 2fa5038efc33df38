"""A call in the making: what is decided is applied to a copy of the group at once, so that the next step sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from logpost_broker.coordinator.outcome import Draft
from logpost_broker.groups.modern.group import ModernGroup
from logpost_broker.metadata.topics_image import TopicsImage

G = TypeVar("G", bound=ModernGroup[Any])
L = TypeVar("L")


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
