"""A topology beside the topics there are: how many tasks it has, and what keeps it from running."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from logpost_broker.groups.streams.partition_counts import IncorrectlyPartitionedError, PartitionCounts
from logpost_broker.groups.streams.statuses import Status, StatusCode
from logpost_broker.groups.streams.topology import InternalTopic, Subtopology, Topology
from logpost_broker.metadata.topics_image import TopicsImage

MOST_NAMED = 3
"""How many topics of a long list are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfiguredSubtopology:
    id: str
    tasks: int
    is_stateful: bool
    source_topics: tuple[str, ...]
    repartition_sinks: tuple[str, ...]
    repartition_sources: tuple[InternalTopic, ...]
    changelogs: tuple[InternalTopic, ...]

    @property
    def inputs(self) -> tuple[str, ...]:
        return (*self.source_topics, *(topic.name for topic in self.repartition_sources))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfiguredTopology:
    epoch: int
    subtopologies: Mapping[str, ConfiguredSubtopology] = field(default_factory=dict)
    """By id; none where the source topics are missing or do not fit."""
    missing_topics: tuple[InternalTopic, ...] = ()
    problem: Status | None = None

    @property
    def is_ready(self) -> bool:
        return self.problem is None


def configure(topology: Topology, image: TopicsImage) -> ConfiguredTopology:
    """Raises ApiError STREAMS_INVALID_TOPOLOGY."""
    missing = {name for part in topology.subtopologies for name in part.source_topics} - image.topics.keys()
    if missing:
        return _failed(topology, StatusCode.MISSING_SOURCE_TOPICS, f"Source topics {_named(missing)} are missing.")
    try:
        counts = PartitionCounts(topology, image)
        parts = {
            part.id: _configured(part, counts) for part in sorted(topology.subtopologies, key=lambda part: part.id)
        }
        internal = _to_create(parts.values(), image)
    except IncorrectlyPartitionedError as error:
        return _failed(topology, StatusCode.INCORRECTLY_PARTITIONED_TOPICS, str(error))
    problem = None
    if internal:
        names = _named([topic.name for topic in internal])
        problem = Status(StatusCode.MISSING_INTERNAL_TOPICS, f"Internal topics are missing: {names}")
    return ConfiguredTopology(epoch=topology.epoch, subtopologies=parts, missing_topics=internal, problem=problem)


def _failed(topology: Topology, code: StatusCode, detail: str) -> ConfiguredTopology:
    return ConfiguredTopology(epoch=topology.epoch, problem=Status(code, detail))


def _configured(part: Subtopology, counts: PartitionCounts) -> ConfiguredSubtopology:
    def sized(topics: Collection[InternalTopic]) -> tuple[InternalTopic, ...]:
        return tuple(replace(topic, partitions=counts.decided(topic.name)) for topic in topics)

    return ConfiguredSubtopology(
        id=part.id,
        tasks=counts.tasks(part),
        is_stateful=part.is_stateful,
        source_topics=part.source_topics,
        repartition_sinks=part.repartition_sinks,
        repartition_sources=sized(part.repartition_sources),
        changelogs=sized(part.changelogs),
    )


def _to_create(parts: Collection[ConfiguredSubtopology], image: TopicsImage) -> tuple[InternalTopic, ...]:
    """The internal topics that are not there. Raises IncorrectlyPartitionedError for one that does not fit."""
    internal = {topic.name: topic for part in parts for topic in (*part.repartition_sources, *part.changelogs)}
    for name, topic in internal.items():
        known = image.topics.get(name)
        if known is not None and known.partitions != topic.partitions:
            message = (
                f"Existing topic {name} has different number of partitions: "
                f"expected {topic.partitions}, found {known.partitions}"
            )
            raise IncorrectlyPartitionedError(message)
    return tuple(topic for name, topic in sorted(internal.items()) if name not in image.topics)


def _named(topics: Collection[str]) -> str:
    named = sorted(topics)
    rest = f" and {len(named) - MOST_NAMED} additional topics" if len(named) > MOST_NAMED else ""
    return ", ".join(named[:MOST_NAMED]) + rest
