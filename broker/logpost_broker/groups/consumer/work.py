"""A call in the making: what is decided is applied to a copy of the group at once, so that the next step sees it."""

from __future__ import annotations

from dataclasses import dataclass

from logpost_broker.coordinator.outcome import Draft
from logpost_broker.groups.consumer.events import ConsumerGroupEvent
from logpost_broker.groups.consumer.group import ConsumerGroup
from logpost_broker.metadata.group_limits import ConsumerGroupLimits
from logpost_broker.metadata.topics_image import TopicsImage


@dataclass(frozen=True, slots=True)
class Work:
    group: ConsumerGroup
    """The copy."""
    image: TopicsImage
    limits: ConsumerGroupLimits
    draft: Draft

    def emit(self, event: ConsumerGroupEvent) -> None:
        self.draft.events.append(event)
        self.group.apply(event)
