"""The topology of a Kafka Streams application as its members tell it: subtopologies, and the topics each reads, writes
and keeps its state in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class InternalTopic:
    """A topic that the broker makes for the application."""

    name: str
    partitions: int
    """0 where the broker decides."""
    replication_factor: int
    """0 for the broker's default."""
    configs: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CopartitionGroup:
    """Topics that have to have equally many partitions, as positions in the lists of their subtopology."""

    source_topics: tuple[int, ...] = ()
    source_regexes: tuple[int, ...] = ()
    repartition_sources: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Subtopology:
    """What runs as one task per partition of its input."""

    id: str
    source_topics: tuple[str, ...] = ()
    source_regexes: tuple[str, ...] = ()
    """Kafka 4.3 refuses them, and so does this broker; the record's schema has room."""
    changelogs: tuple[InternalTopic, ...] = ()
    repartition_sinks: tuple[str, ...] = ()
    repartition_sources: tuple[InternalTopic, ...] = ()
    copartition_groups: tuple[CopartitionGroup, ...] = ()

    @property
    def inputs(self) -> tuple[str, ...]:
        return (*self.source_topics, *(topic.name for topic in self.repartition_sources))

    @property
    def is_stateful(self) -> bool:
        return bool(self.changelogs)

    def copartitioned(self) -> Iterator[frozenset[str]]:
        """The topics of each copartition group."""
        for group in self.copartition_groups:
            sources = [self.source_topics[index] for index in group.source_topics]
            repartitions = [self.repartition_sources[index].name for index in group.repartition_sources]
            yield frozenset([*sources, *repartitions])


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    epoch: int
    subtopologies: tuple[Subtopology, ...]

    def required_topics(self) -> frozenset[str]:
        """All that have to be there before a task can run."""
        changelogs = (topic.name for part in self.subtopologies for topic in part.changelogs)
        return frozenset([*changelogs, *(name for part in self.subtopologies for name in part.inputs)])

    def all_topics(self) -> frozenset[str]:
        """With those that are only written to."""
        return self.required_topics().union(*(part.repartition_sinks for part in self.subtopologies))

    def subtopology_of(self, topic: str) -> str | None:
        """Which one reads it."""
        return next((part.id for part in self.subtopologies if topic in part.inputs), None)
