"""A call in the making, of a share group."""

from __future__ import annotations

from logpost_broker.groups.modern import work
from logpost_broker.groups.share.group import ShareGroup
from logpost_broker.metadata.group_limits import ShareLimits

Work = work.Work[ShareGroup, ShareLimits]
