"""StreamsGroupDescribe (89), version 0: what tools see of streams groups (KIP-1071)."""

from __future__ import annotations

from collections.abc import Iterable

from kio.schema.errors import ErrorCode
from kio.schema.streams_group_describe.v0.request import StreamsGroupDescribeRequest
from kio.schema.streams_group_describe.v0.response import (
    Assignment,
    DescribedGroup,
    Endpoint,
    KeyValue,
    Member,
    StreamsGroupDescribeResponse,
    Subtopology,
    TaskIds,
    TopicInfo,
    Topology,
)
from kio.schema.types import GroupId, TopicName
from kio.static.primitive import i16, i32, u16

from logpost_broker.api.group_admin import operations_of_group, why_not_described
from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.groups.kinds import GroupKind
from logpost_broker.groups.streams.configured_topology import ConfiguredSubtopology
from logpost_broker.groups.streams.listing import DescribedStreamsGroup, DescribedStreamsMember
from logpost_broker.groups.streams.tasks import Tasks, TaskSet, by_subtopology
from logpost_broker.groups.streams.topology import InternalTopic
from logpost_broker.groups.streams.topology import Subtopology as ToldSubtopology
from logpost_broker.node import Node
from logpost_broker.wire.units import NO_THROTTLE


@handles(StreamsGroupDescribeRequest, StreamsGroupDescribeResponse, large_answers=True)
async def streams_group_describe(
    node: Node, request: StreamsGroupDescribeRequest, context: RequestContext
) -> StreamsGroupDescribeResponse:
    operations = operations_of_group(is_asked_for=request.include_authorized_operations)
    groups = [
        await _described(node, group_id, operations)
        async for group_id in node.turns.each(dict.fromkeys(request.group_ids))
    ]
    return StreamsGroupDescribeResponse(throttle_time=NO_THROTTLE, groups=tuple(groups))


def _refused(node: Node, group_id: GroupId) -> DescribedGroup:
    code, message = why_not_described(node, group_id, GroupKind.STREAMS)
    return DescribedGroup(
        error_code=code,
        error_message=message,
        group_id=group_id,
        group_state="",
        group_epoch=i32(0),
        assignment_epoch=i32(0),
        members=(),
    )


async def _described(node: Node, group_id: GroupId, operations: i32) -> DescribedGroup:
    group = node.groups.core.streams.describe(group_id)
    if group is None:
        return _refused(node, group_id)
    return DescribedGroup(
        error_code=ErrorCode.none,
        group_id=group_id,
        group_state=group.state.value,
        group_epoch=i32(group.epoch),
        assignment_epoch=i32(group.target_epoch),
        topology=_topology(group),
        members=await node.turns.map(_member, group.members),
        authorized_operations=operations,
    )


def _topology(group: DescribedStreamsGroup) -> Topology | None:
    if group.topology is None:
        return None
    parts: Iterable[ConfiguredSubtopology | ToldSubtopology] = group.topology.subtopologies
    if group.configured is not None and group.configured.is_ready:
        parts = group.configured.subtopologies.values()
    return Topology(epoch=i32(group.topology.epoch), subtopologies=tuple(_subtopology(part) for part in parts))


def _subtopology(part: ConfiguredSubtopology | ToldSubtopology) -> Subtopology:
    """As the application told it while topics are missing or do not fit."""
    return Subtopology(
        subtopology_id=part.id,
        source_topics=tuple(TopicName(name) for name in sorted(part.source_topics)),
        repartition_sink_topics=tuple(TopicName(name) for name in sorted(part.repartition_sinks)),
        state_changelog_topics=tuple(_topics(part.changelogs)),
        repartition_source_topics=tuple(_topics(part.repartition_sources)),
    )


def _topics(topics: Iterable[InternalTopic]) -> Iterable[TopicInfo]:
    for topic in sorted(topics, key=lambda topic: topic.name):
        yield TopicInfo(
            name=TopicName(topic.name),
            partitions=i32(topic.partitions),
            replication_factor=i16(topic.replication_factor),
            topic_configs=tuple(KeyValue(key=key, value=value) for key, value in topic.configs),
        )


def _member(described: DescribedStreamsMember) -> Member:
    member = described.member
    endpoint = member.user_endpoint
    return Member(
        member_id=member.member_id,
        member_epoch=i32(described.current.epoch),
        instance_id=member.instance_id,
        rack_id=member.rack_id,
        client_id=member.client_id,
        client_host=member.client_host,
        topology_epoch=i32(member.topology_epoch),
        process_id=member.process_id,
        user_endpoint=None if endpoint is None else Endpoint(host=endpoint.host, port=u16(endpoint.port)),
        client_tags=tuple(KeyValue(key=key, value=value) for key, value in member.client_tags),
        task_offsets=(),
        task_end_offsets=(),
        assignment=_assignment(described.current.assigned),
        target_assignment=_assignment(described.target),
        is_classic=False,
    )


def _assignment(tasks: Tasks) -> Assignment:
    return Assignment(
        active_tasks=tuple(_task_ids(tasks.active)),
        standby_tasks=tuple(_task_ids(tasks.standby)),
        warmup_tasks=tuple(_task_ids(tasks.warmup)),
    )


def _task_ids(tasks: TaskSet) -> Iterable[TaskIds]:
    for part_id, partitions in by_subtopology(tasks).items():
        yield TaskIds(subtopology_id=part_id, partitions=tuple(i32(partition) for partition in partitions))
