"""CreateTopics (19), versions 2 to 7.

- v2: `validate_only`. v5: the answer has partitions and configuration; flexible; -1 asks for the broker's defaults
- v7: the answer has the topic id

One node holds one replica: another replication factor is INVALID_REPLICATION_FACTOR. Replica assignments may only name
this node. Each topic is a write to the disk: others are served between two of them.
"""

from __future__ import annotations

import asyncio
from collections import Counter

from kio.schema.create_topics.v7.request import CreatableTopic, CreateTopicsRequest
from kio.schema.create_topics.v7.response import (
    CreatableTopicConfigs,
    CreatableTopicResult,
    CreateTopicsResponse,
)
from kio.schema.errors import ErrorCode
from kio.schema.types import TopicName
from kio.static.primitive import i8, i16, i32

from logpost_broker.configs.topic import TopicConfigs
from logpost_broker.errors import ApiError
from logpost_broker.node import NODE_ID, Node
from logpost_broker.topics import INTERNAL_TOPICS
from logpost_broker.wire.registry import RequestContext, handles
from logpost_broker.wire.units import NO_THROTTLE

BROKERS_CHOICE = -1


@handles(CreateTopicsRequest, CreateTopicsResponse)
async def create_topics(node: Node, request: CreateTopicsRequest, context: RequestContext) -> CreateTopicsResponse:
    asked = Counter(topic.name for topic in request.topics)
    results = []
    for number, topic in enumerate(request.topics):
        if number:
            await asyncio.sleep(0)
        try:
            node.require_running()
            if asked[topic.name] > 1:
                raise ApiError(ErrorCode.invalid_request, f"topic '{topic.name}' is asked for more than once")
            results.append(_create(node, topic, validate_only=request.validate_only))
        except ApiError as error:
            results.append(_failed(topic.name, error))
    return CreateTopicsResponse(throttle_time=NO_THROTTLE, topics=tuple(results))


def _create(node: Node, asked: CreatableTopic, *, validate_only: bool) -> CreatableTopicResult:
    if asked.name in INTERNAL_TOPICS:
        raise ApiError(ErrorCode.invalid_request, f"'{asked.name}' is made by the broker itself")
    partitions = _partitions(node, asked)
    overrides = {config.name: config.value for config in asked.configs}
    if len(overrides) < len(asked.configs):
        raise ApiError(ErrorCode.invalid_request, "a configuration is set more than once")
    if validate_only:
        topic_id, configs = None, TopicConfigs(node.topics.check_new(asked.name, partitions, overrides))
    else:
        topic = node.create_topic(asked.name, partitions, overrides)
        topic_id, configs = topic.id, topic.configs
    return CreatableTopicResult(
        name=asked.name,
        topic_id=topic_id,
        error_code=ErrorCode.none,
        error_message=None,
        num_partitions=i32(partitions),
        replication_factor=i16(1),
        configs=tuple(
            CreatableTopicConfigs(
                name=setting.name,
                value=setting.value,
                read_only=False,
                config_source=i8(setting.source),
                is_sensitive=False,
            )
            for setting in configs.described(node.settings)
        ),
    )


def _partitions(node: Node, asked: CreatableTopic) -> int:
    """How many partitions the topic gets. Raises ApiError."""
    if not asked.assignments:
        if asked.replication_factor not in (1, BROKERS_CHOICE):
            raise ApiError(
                ErrorCode.invalid_replication_factor,
                f"replication factor {asked.replication_factor} is larger than the number of brokers, which is 1",
            )
        return node.config.num_partitions if asked.num_partitions == BROKERS_CHOICE else int(asked.num_partitions)
    if (asked.num_partitions, asked.replication_factor) != (BROKERS_CHOICE, BROKERS_CHOICE):
        raise ApiError(ErrorCode.invalid_request, "with assignments, partitions and replication factor must be -1")
    indexes = sorted(assignment.partition_index for assignment in asked.assignments)
    if indexes != list(range(len(indexes))):
        raise ApiError(ErrorCode.invalid_replica_assignment, "partitions must be numbered from 0 without gaps")
    if any(assignment.broker_ids != (NODE_ID,) for assignment in asked.assignments):
        raise ApiError(ErrorCode.invalid_replica_assignment, f"the only broker is {NODE_ID}")
    return len(indexes)


def _failed(name: TopicName, error: ApiError) -> CreatableTopicResult:
    return CreatableTopicResult(
        name=name, topic_id=None, error_code=error.code, error_message=error.message, configs=None
    )
