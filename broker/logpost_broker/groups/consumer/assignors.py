"""The assignors that a member may ask for by name."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping

from logpost_broker.groups.consumer.events import Partitions
from logpost_broker.groups.consumer.range_assignor import assign_ranges
from logpost_broker.groups.consumer.uniform_assignor import assign_uniformly

Assignor = Callable[
    [Mapping[str, frozenset[uuid.UUID]], Mapping[uuid.UUID, int], Mapping[str, Partitions]], dict[str, Partitions]
]

DEFAULT_ASSIGNOR = "uniform"
ASSIGNORS: Mapping[str, Assignor] = {"uniform": assign_uniformly, "range": assign_ranges}
