"""Where to ask interactive queries: which partitions each member with an endpoint has, as a client is told."""

from __future__ import annotations

from collections.abc import Iterator

from logpost_broker.groups.streams.configured_topology import ConfiguredTopology
from logpost_broker.groups.streams.group import StreamsGroup
from logpost_broker.groups.streams.messages import EndpointPartitions
from logpost_broker.groups.streams.tasks import TaskSet, by_subtopology
from logpost_broker.metadata.topics_image import TopicsImage


def endpoints(
    group: StreamsGroup, configured: ConfiguredTopology, image: TopicsImage
) -> tuple[EndpointPartitions, ...]:
    return tuple(
        EndpointPartitions(
            endpoint=member.user_endpoint,
            active=tuple(_partitions(group.current_of(member_id).assigned.active, configured, image)),
            standby=tuple(_partitions(group.current_of(member_id).assigned.standby, configured, image)),
        )
        for member_id, member in sorted(group.members.items())
        if member.user_endpoint is not None
    )


def _partitions(
    tasks: TaskSet, configured: ConfiguredTopology, image: TopicsImage
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The inputs of the tasks; one of fewer partitions than tasks has no more of them."""
    for part_id, partitions in by_subtopology(tasks).items():
        part = configured.subtopologies.get(part_id)
        for topic in part.inputs if part is not None else ():
            if topic in image.topics:
                there = image.topics[topic].partitions
                yield topic, tuple(partition for partition in partitions if partition < there)
