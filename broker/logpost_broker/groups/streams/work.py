"""A call in the making: what is decided is applied to a copy of the group at once, so that the next step sees it."""

from __future__ import annotations

from dataclasses import dataclass

from logpost_broker.coordinator.outcome import Draft
from logpost_broker.groups.streams.events import StreamsGroupEvent
from logpost_broker.groups.streams.group import StreamsGroup
from logpost_broker.groups.streams.unjournaled import Unjournaled
from logpost_broker.metadata.group_limits import StreamsGroupLimits
from logpost_broker.metadata.topics_image import TopicsImage


@dataclass(frozen=True, slots=True)
class Work:
    group: StreamsGroup
    """The copy."""
    unjournaled: Unjournaled
    """Not a copy: changed only when nothing can be refused any more."""
    image: TopicsImage
    limits: StreamsGroupLimits
    draft: Draft

    def emit(self, event: StreamsGroupEvent) -> None:
        self.draft.events.append(event)
        self.group.apply(event)
