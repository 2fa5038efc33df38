"""A call in the making, of a share group."""

from __future__ import annotations

from dataclasses import dataclass

from logpost_broker.groups.modern import work
from logpost_broker.groups.share.group import ShareGroup
from logpost_broker.metadata.group_limits import ShareLimits


@dataclass(frozen=True, slots=True)
class Work(work.Work[ShareGroup, ShareLimits]):
    """Of this kind."""
