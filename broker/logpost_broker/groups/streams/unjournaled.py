"""What is known of a streams group only while the broker runs: after a restart its members say it again, or it is found
out again."""

from __future__ import annotations

from dataclasses import dataclass

from logpost_broker.groups.streams.configured_topology import ConfiguredTopology, configure
from logpost_broker.groups.streams.topology import Topology
from logpost_broker.metadata.topics_image import TopicsImage


@dataclass(slots=True, kw_only=True)
class Unjournaled:
    endpoint_epoch: int = 0
    """Higher whenever a member that answers interactive queries has other tasks."""
    shutdown_by: str | None = None
    """The member that wants the whole application to stop."""
    is_delayed: bool = False
    """The group is new and waits for more members before tasks are given out."""
    _configured: ConfiguredTopology | None = None
    _configured_of: tuple[Topology, int] | None = None
    """The topology, and the version of the topics that it was configured beside."""

    def configured(self, topology: Topology, image: TopicsImage) -> ConfiguredTopology:
        """Raises ApiError STREAMS_INVALID_TOPOLOGY."""
        if self._configured is None or self._configured_of != (topology, image.version):
            self._configured = configure(topology, image)
            self._configured_of = (topology, image.version)
        return self._configured
