"""The configuration of groups, of subscriptions to client metrics, and of what may be changed of a running broker: kept
in the metadata file, by Kafka's number of the type and by name."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from logpost_broker.metadata.metadata_file import MetadataFile, ResourceEntry


class ResourceType(IntEnum):
    """As DescribeConfigs numbers them."""

    TOPIC = 2
    BROKER = 4
    BROKER_LOGGER = 8
    CLIENT_METRICS = 16
    GROUP = 32


class ResourceConfigs:
    """A change is durable when its call returns."""

    def __init__(self, metadata: MetadataFile) -> None:
        self._metadata = metadata

    def names(self, kind: ResourceType) -> list[str]:
        """Of those that have something set, sorted."""
        return sorted(entry.name for entry in self._entries if entry.type == kind)

    def of(self, kind: ResourceType, name: str) -> Mapping[str, str]:
        return next((entry.configs for entry in self._entries if (entry.type, entry.name) == (kind, name)), {})

    def replace(self, kind: ResourceType, name: str, configs: Mapping[str, str]) -> None:
        """Raises ApiError KAFKA_STORAGE_ERROR."""
        entries = [entry for entry in self._entries if (entry.type, entry.name) != (kind, name)]
        if configs:
            entries.append(ResourceEntry(type=kind, name=name, configs=dict(configs)))
        self._metadata.change(resource_configs=entries)

    @property
    def _entries(self) -> list[ResourceEntry]:
        return self._metadata.content.resource_configs or []
