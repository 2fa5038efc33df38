"""DescribeTopicPartitions (75), version 0 (KIP-966): topics in the order of their names, some partitions at a time.

An answer has at most `response_partition_limit` partitions, 1 to 2000; its cursor says where the next one begins. No
topics asked means all. A client that lists topics must list the cursor's among them. There are no other replicas that
could become leader, so the lists of those are empty.
"""

from __future__ import annotations

from functools import partial

from kio.schema.describe_topic_partitions.v0.request import DescribeTopicPartitionsRequest
from kio.schema.describe_topic_partitions.v0.response import (
    Cursor,
    DescribeTopicPartitionsResponse,
    DescribeTopicPartitionsResponsePartition,
    DescribeTopicPartitionsResponseTopic,
)
from kio.schema.errors import ErrorCode
from kio.schema.types import BrokerId, TopicName
from kio.static.primitive import i32

from logpost_broker.api.metadata import TOPIC_OPERATIONS
from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.errors import ApiError
from logpost_broker.metadata.ids import NODE_ID
from logpost_broker.metadata.topics import Topic, check_name
from logpost_broker.node import Node
from logpost_broker.wire.units import NO_THROTTLE

MAX_PARTITIONS = 2000
"""Kafka's `max.request.partition.size.limit`."""
BROKER_ID = BrokerId(NODE_ID)


@handles(DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse)
async def describe_topic_partitions(
    node: Node, request: DescribeTopicPartitionsRequest, context: RequestContext
) -> DescribeTopicPartitionsResponse:
    try:
        names = _names(node, request)
    except ApiError as error:
        refused = await node.turns.map(partial(_refused, code=error.code), [topic.name for topic in request.topics])
        return DescribeTopicPartitionsResponse(throttle_time=NO_THROTTLE, topics=refused)
    room = min(max(request.response_partition_limit, 1), MAX_PARTITIONS)
    first = 0 if request.cursor is None else int(request.cursor.partition_index)
    described: list[DescribeTopicPartitionsResponseTopic] = []
    async for name in node.turns.each(names):
        if room == 0:
            return _answer(described, Cursor(topic_name=name, partition_index=i32(0)))
        topic = node.partitions.topics.by_name(name)
        if topic is None:
            described.append(_unknown(name))
            continue
        if request.cursor is None or name != request.cursor.topic_name:
            first = 0
        end = min(topic.partitions, first + room)
        described.append(_described(node, topic, range(first, end)))
        if end < topic.partitions:
            return _answer(described, Cursor(topic_name=name, partition_index=i32(end)))
        room -= max(0, end - first)
    return _answer(described, None)


def _names(node: Node, request: DescribeTopicPartitionsRequest) -> list[TopicName]:
    """What is asked for, from the cursor on. Raises ApiError INVALID_REQUEST."""
    asked = {topic.name for topic in request.topics}
    names = asked or {TopicName(topic.name) for topic in node.partitions.topics}
    cursor = request.cursor
    if cursor is None:
        return sorted(names)
    if cursor.partition_index < 0 or (asked and cursor.topic_name not in asked):
        raise ApiError(ErrorCode.invalid_request, "the cursor stands outside what is asked for")
    return sorted(name for name in names if name >= cursor.topic_name)


def _described(node: Node, topic: Topic, partitions: range) -> DescribeTopicPartitionsResponseTopic:
    return DescribeTopicPartitionsResponseTopic(
        error_code=ErrorCode.none,
        name=TopicName(topic.name),
        topic_id=topic.id,
        is_internal=topic.internal,
        partitions=tuple(
            DescribeTopicPartitionsResponsePartition(
                error_code=ErrorCode.none,
                partition_index=i32(number),
                leader_id=BROKER_ID,
                leader_epoch=i32(node.partitions.logs.leader_epoch),
                replica_nodes=(BROKER_ID,),
                isr_nodes=(BROKER_ID,),
                eligible_leader_replicas=(),
                last_known_elr=(),
            )
            for number in partitions
        ),
        topic_authorized_operations=TOPIC_OPERATIONS,
    )


def _unknown(name: TopicName) -> DescribeTopicPartitionsResponseTopic:
    try:
        check_name(name)
    except ApiError as error:
        return _refused(name, error.code)
    return DescribeTopicPartitionsResponseTopic(
        error_code=ErrorCode.unknown_topic_or_partition,
        name=name,
        topic_id=None,
        partitions=(),
        topic_authorized_operations=TOPIC_OPERATIONS,
    )


def _refused(name: TopicName, code: ErrorCode) -> DescribeTopicPartitionsResponseTopic:
    return DescribeTopicPartitionsResponseTopic(error_code=code, name=name, topic_id=None, partitions=())


def _answer(
    topics: list[DescribeTopicPartitionsResponseTopic], cursor: Cursor | None
) -> DescribeTopicPartitionsResponse:
    return DescribeTopicPartitionsResponse(throttle_time=NO_THROTTLE, topics=tuple(topics), next_cursor=cursor)
