"""DescribeShareGroupOffsets (90), AlterShareGroupOffsets (91), DeleteShareGroupOffsets (92): where share groups are.

DescribeShareGroupOffsets, versions 0 and 1 (v1: lag, KIP-1226); the others, version 0. A group has to be without
members for the changes. Altering makes a group that is not there, as in Kafka.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from kio.schema.alter_share_group_offsets.v0.request import (
    AlterShareGroupOffsetsRequest,
    AlterShareGroupOffsetsRequestTopic,
)
from kio.schema.alter_share_group_offsets.v0.response import (
    AlterShareGroupOffsetsResponse,
    AlterShareGroupOffsetsResponsePartition,
    AlterShareGroupOffsetsResponseTopic,
)
from kio.schema.delete_share_group_offsets.v0.request import DeleteShareGroupOffsetsRequest
from kio.schema.delete_share_group_offsets.v0.response import (
    DeleteShareGroupOffsetsResponse,
    DeleteShareGroupOffsetsResponseTopic,
)
from kio.schema.describe_share_group_offsets.v1.request import (
    DescribeShareGroupOffsetsRequest,
    DescribeShareGroupOffsetsRequestGroup,
)
from kio.schema.describe_share_group_offsets.v1.response import (
    DescribeShareGroupOffsetsResponse,
    DescribeShareGroupOffsetsResponseGroup,
    DescribeShareGroupOffsetsResponsePartition,
    DescribeShareGroupOffsetsResponseTopic,
)
from kio.schema.errors import ErrorCode
from kio.schema.types import GroupId, TopicName
from kio.static.primitive import i32, i64

from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.errors import ApiError
from logpost_broker.groups.share.events import Place
from logpost_broker.node import Node
from logpost_broker.steps import in_parts
from logpost_broker.wire.units import NO_THROTTLE

UNKNOWN = i64(-1)
FORGOTTEN_AT_ONCE = 100
"""Partitions that one write forgets."""


@handles(DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsResponse, large_answers=True)
async def describe_share_group_offsets(
    node: Node, request: DescribeShareGroupOffsetsRequest, context: RequestContext
) -> DescribeShareGroupOffsetsResponse:
    groups = tuple([await _described(node, group) async for group in node.turns.each(dict.fromkeys(request.groups))])
    try:
        await node.shares.delivery.settled()
    except ApiError as error:
        groups = await node.turns.map(partial(_refused, error=error), [group.group_id for group in groups])
    return DescribeShareGroupOffsetsResponse(throttle_time=NO_THROTTLE, groups=groups)


def _refused(group_id: GroupId, error: ApiError) -> DescribeShareGroupOffsetsResponseGroup:
    return DescribeShareGroupOffsetsResponseGroup(
        group_id=group_id, topics=(), error_code=error.code, error_message=str(error)
    )


async def _described(
    node: Node, asked: DescribeShareGroupOffsetsRequestGroup
) -> DescribeShareGroupOffsetsResponseGroup:
    service = node.shares
    if asked.group_id not in node.groups.core.shares:
        return _refused(asked.group_id, ApiError(ErrorCode.group_id_not_found, f"Group {asked.group_id} not found."))
    partitions: dict[str, list[int]] = {}
    if asked.topics is None:
        for place in sorted(service.delivery.states.places(asked.group_id)):
            topic = node.partitions.topics.by_id(place.topic_id)
            if topic is not None:
                partitions.setdefault(topic.name, []).append(place.partition)
    else:
        partitions = {topic.topic_name: list(topic.partitions) for topic in asked.topics}
    return DescribeShareGroupOffsetsResponseGroup(
        group_id=asked.group_id,
        topics=tuple(
            [
                await _described_topic(node, asked.group_id, name, numbers)
                async for name, numbers in node.turns.each(partitions.items())
            ]
        ),
        error_code=ErrorCode.none,
    )


async def _described_topic(
    node: Node, group_id: str, name: str, numbers: Iterable[int]
) -> DescribeShareGroupOffsetsResponseTopic:
    topic = node.partitions.topics.by_name(name)
    return DescribeShareGroupOffsetsResponseTopic(
        topic_name=TopicName(name),
        topic_id=None if topic is None else topic.id,
        partitions=await node.turns.map(partial(_described_partition, node, group_id, name), numbers),
    )


def _described_partition(
    node: Node, group_id: str, name: str, number: int
) -> DescribeShareGroupOffsetsResponsePartition:
    """A partition that the group has not begun has no start offset."""
    topic = node.partitions.topics.by_name(name)
    try:
        if topic is None:
            raise ApiError(ErrorCode.unknown_topic_or_partition)
        log = node.partitions.log(topic, number)
    except ApiError as error:
        return DescribeShareGroupOffsetsResponsePartition(
            partition_index=i32(number),
            start_offset=UNKNOWN,
            leader_epoch=i32(0),
            error_code=error.code,
            error_message=str(error),
        )
    partition = node.shares.delivery.states.get(Place(group_id, topic.id, number))
    lag = UNKNOWN
    if partition is not None:
        start = max(partition.start_offset, log.log_start_offset)
        lag = i64(max(0, log.high_watermark - start - partition.delivery_complete_count))
    return DescribeShareGroupOffsetsResponsePartition(
        partition_index=i32(number),
        start_offset=UNKNOWN if partition is None else i64(partition.start_offset),
        leader_epoch=i32(log.leader_epoch),
        lag=lag,
        error_code=ErrorCode.none,
    )


@handles(AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse)
async def alter_share_group_offsets(
    node: Node, request: AlterShareGroupOffsetsRequest, context: RequestContext
) -> AlterShareGroupOffsetsResponse:
    service = node.shares
    try:
        if any(node.partitions.topics.by_name(topic.topic_name) for topic in request.topics):
            await service.create_group(request.group_id)
        if request.group_id in node.groups.core.shares:
            service.require_empty(request.group_id)
        responses = tuple(
            [await _altered_topic(node, request.group_id, topic) async for topic in node.turns.each(request.topics)]
        )
        await service.delivery.settled()
    except ApiError as error:
        return AlterShareGroupOffsetsResponse(
            throttle_time=NO_THROTTLE, error_code=error.code, error_message=str(error), responses=()
        )
    return AlterShareGroupOffsetsResponse(throttle_time=NO_THROTTLE, error_code=ErrorCode.none, responses=responses)


async def _altered_topic(
    node: Node, group_id: str, asked: AlterShareGroupOffsetsRequestTopic
) -> AlterShareGroupOffsetsResponseTopic:
    topic = node.partitions.topics.by_name(asked.topic_name)
    return AlterShareGroupOffsetsResponseTopic(
        topic_name=asked.topic_name,
        topic_id=None if topic is None else topic.id,
        partitions=tuple(
            [
                _altered(node, group_id, asked.topic_name, partition.partition_index, partition.start_offset)
                async for partition in node.turns.each(asked.partitions)
            ]
        ),
    )


def _altered(
    node: Node, group_id: str, name: str, number: int, start_offset: int
) -> AlterShareGroupOffsetsResponsePartition:
    """Others were served since the partition before: the topic may be gone, and the group have members."""
    code, message = ErrorCode.none, None
    topic = node.partitions.topics.by_name(name)
    try:
        if topic is None:
            raise ApiError(ErrorCode.unknown_topic_or_partition, "there is no such topic")
        log = node.partitions.log(topic, number)
        start = min(max(start_offset, log.log_start_offset), log.high_watermark)
        service = node.shares
        service.require_empty(group_id)
        service.delivery.begin(Place(group_id, topic.id, number), start)
    except ApiError as error:
        code, message = error.code, str(error)
    return AlterShareGroupOffsetsResponsePartition(partition_index=i32(number), error_code=code, error_message=message)


@handles(DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsResponse)
async def delete_share_group_offsets(
    node: Node, request: DeleteShareGroupOffsetsRequest, context: RequestContext
) -> DeleteShareGroupOffsetsResponse:
    service = node.shares
    try:
        service.require_empty(request.group_id)
        places = service.delivery.states.places_by_topic(request.group_id)
        responses = tuple(
            [await _deleted(node, places, topic.topic_name) async for topic in node.turns.each(request.topics)]
        )
        await service.delivery.settled()
    except ApiError as error:
        return DeleteShareGroupOffsetsResponse(
            throttle_time=NO_THROTTLE, error_code=error.code, error_message=str(error), responses=()
        )
    return DeleteShareGroupOffsetsResponse(throttle_time=NO_THROTTLE, error_code=ErrorCode.none, responses=responses)


async def _deleted(
    node: Node, places: Mapping[uuid.UUID, Sequence[Place]], name: TopicName
) -> DeleteShareGroupOffsetsResponseTopic:
    service = node.shares
    topic = node.partitions.topics.by_name(name)
    topic_id = uuid.UUID(int=0) if topic is None else topic.id
    async for some in node.turns.each(in_parts(places.get(topic_id, ()), FORGOTTEN_AT_ONCE)):
        service.require_empty(some[0].group_id)
        service.delivery.forget(some)
    known = topic is not None
    return DeleteShareGroupOffsetsResponseTopic(
        topic_name=name,
        topic_id=topic_id if known else None,
        error_code=ErrorCode.none if known else ErrorCode.unknown_topic_or_partition,
        error_message=None if known else f"topic '{name}' does not exist",
    )
