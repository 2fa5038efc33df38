"""A call in the making, of a consumer group."""

from __future__ import annotations

from logpost_broker.groups.consumer.group import ConsumerGroup
from logpost_broker.groups.modern import work
from logpost_broker.metadata.group_limits import ConsumerGroupLimits

Work = work.Work[ConsumerGroup, ConsumerGroupLimits]
