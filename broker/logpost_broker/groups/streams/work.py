"""A call in the making, of a streams group."""

from __future__ import annotations

from dataclasses import dataclass

from logpost_broker.groups.modern import work
from logpost_broker.groups.streams.group import StreamsGroup
from logpost_broker.groups.streams.unjournaled import Unjournaled
from logpost_broker.metadata.group_limits import StreamsGroupLimits


@dataclass(frozen=True, slots=True)
class Work(work.Work[StreamsGroup, StreamsGroupLimits]):
    unjournaled: Unjournaled
    """Not a copy: changed only when nothing can be refused any more."""
