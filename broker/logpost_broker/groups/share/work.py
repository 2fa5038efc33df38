"""A call in the making: what is decided is applied to a copy of the group at once, so that the next step sees it."""

from __future__ import annotations

from dataclasses import dataclass

from logpost_broker.coordinator.outcome import Draft
from logpost_broker.groups.share.group import ShareGroup
from logpost_broker.groups.share.member_events import ShareGroupEvent
from logpost_broker.metadata.group_limits import ShareLimits
from logpost_broker.metadata.topics_image import TopicsImage


@dataclass(frozen=True, slots=True)
class Work:
    group: ShareGroup
    """The copy."""
    image: TopicsImage
    limits: ShareLimits
    draft: Draft

    def emit(self, event: ShareGroupEvent) -> None:
        self.draft.events.append(event)
        self.group.apply(event)
