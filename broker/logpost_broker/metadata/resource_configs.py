"""The configuration of groups, of subscriptions to client metrics, and of what may be changed of a running broker: kept
in the metadata file, by Kafka's number of the type and by name."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from logpost_broker.metadata.kept_entries import EntryChanges, KeptEntries
from logpost_broker.metadata.metadata_file import MetadataFile, ResourceEntry

Key = tuple[int, str]
"""Type and name."""
ResourceChanges = EntryChanges[Key, ResourceEntry]


class ResourceType(IntEnum):
    """As DescribeConfigs numbers them."""

    TOPIC = 2
    BROKER = 4
    BROKER_LOGGER = 8
    CLIENT_METRICS = 16
    GROUP = 32


class ResourceConfigs:
    def __init__(self, metadata: MetadataFile) -> None:
        self._kept: KeptEntries[Key, ResourceEntry] = KeptEntries(
            metadata, "resource_configs", lambda entry: (entry.type, entry.name)
        )

    def names(self, kind: ResourceType) -> list[str]:
        """Of those that have something set, sorted."""
        return sorted(entry.name for entry in self._kept if entry.type == kind)

    def of(self, kind: ResourceType, name: str) -> Mapping[str, str]:
        entry = self._kept.get((kind, name))
        return {} if entry is None else entry.configs

    def changes(self) -> ResourceChanges:
        return self._kept.changes()


def replace(resources: ResourceChanges, kind: ResourceType, name: str, configs: Mapping[str, str]) -> None:
    """Set this, and nothing else. Raises ApiError POLICY_VIOLATION."""
    entry = ResourceEntry(type=kind, name=name, configs=dict(configs)) if configs else None
    resources.put((kind, name), entry)
