"""A call in the making: what is decided is applied to a copy of the group at once, so that the next step sees it."""

from __future__ import annotations

from dataclasses import dataclass

from logpost_broker.groups.outcome import Draft
from logpost_broker.groups.topics_image import TopicsImage
from logpost_broker.streams_groups.events import StreamsGroupEvent
from logpost_broker.streams_groups.group import StreamsGroup
from logpost_broker.streams_groups.limits import StreamsGroupLimits
from logpost_broker.streams_groups.unjournaled import Unjournaled


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
