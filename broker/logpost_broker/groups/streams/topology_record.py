"""The value of StreamsGroupTopologyValue, version 0: a topology, struct by struct."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from logpost_broker.coordinator.record_fields import (
    NO_TAGS,
    Reader,
    compact_array,
    compact_string,
    int16,
    int32,
)
from logpost_broker.groups.streams.topology import CopartitionGroup, InternalTopic, Subtopology, Topology

T = TypeVar("T")


def topology_value(topology: Topology) -> bytes:
    return int32(topology.epoch) + compact_array([_subtopology(part) for part in topology.subtopologies]) + NO_TAGS


def _subtopology(part: Subtopology) -> bytes:
    return (
        compact_string(part.id)
        + _strings(part.source_topics)
        + _strings(part.source_regexes)
        + compact_array([_topic(topic) for topic in part.changelogs])
        + _strings(part.repartition_sinks)
        + compact_array([_topic(topic) for topic in part.repartition_sources])
        + compact_array([_copartition_group(group) for group in part.copartition_groups])
        + NO_TAGS
    )


def _topic(topic: InternalTopic) -> bytes:
    configs = [compact_string(key) + compact_string(value) + NO_TAGS for key, value in topic.configs]
    sizes = int32(topic.partitions) + int16(topic.replication_factor)
    return compact_string(topic.name) + sizes + compact_array(configs) + NO_TAGS


def _copartition_group(group: CopartitionGroup) -> bytes:
    lists = (group.source_topics, group.source_regexes, group.repartition_sources)
    return b"".join(compact_array([int16(index) for index in indexes]) for indexes in lists) + NO_TAGS


def _strings(texts: Iterable[str]) -> bytes:
    return compact_array([compact_string(text) for text in texts])


def read_topology(reader: Reader) -> Topology:
    """Raises ValueError."""
    return Topology(epoch=reader.int32(), subtopologies=_all(reader, _read_subtopology))


def _read_subtopology(reader: Reader) -> Subtopology:
    return Subtopology(
        id=reader.string(),
        source_topics=_read_strings(reader),
        source_regexes=_read_strings(reader),
        changelogs=_all(reader, _read_topic),
        repartition_sinks=_read_strings(reader),
        repartition_sources=_all(reader, _read_topic),
        copartition_groups=_all(reader, _read_copartition_group),
    )


def _read_topic(reader: Reader) -> InternalTopic:
    return InternalTopic(
        name=reader.string(),
        partitions=reader.int32(),
        replication_factor=reader.int16(),
        configs=_all(reader, lambda item: (item.string(), item.string())),
    )


def _read_copartition_group(reader: Reader) -> CopartitionGroup:
    source_topics, source_regexes, repartition_sources = (_read_indexes(reader) for _ in range(3))
    return CopartitionGroup(
        source_topics=source_topics, source_regexes=source_regexes, repartition_sources=repartition_sources
    )


def _read_strings(reader: Reader) -> tuple[str, ...]:
    return tuple(reader.string() for _ in range(reader.array_length()))


def _read_indexes(reader: Reader) -> tuple[int, ...]:
    return tuple(reader.int16() for _ in range(reader.array_length()))


def _all(reader: Reader, read: Callable[[Reader], T]) -> tuple[T, ...]:
    """An array of structs, each with its tagged fields behind it."""
    items = []
    for _ in range(reader.array_length()):
        items.append(read(reader))
        reader.tagged_fields()
    return tuple(items)
