"""CreateTopics (19), versions 2 to 7.

- v2: `validate_only`. v5: the answer has partitions and configuration; flexible; -1 asks for the broker's defaults
- v7: the answer has the topic id

One node holds one replica: another replication factor is INVALID_REPLICATION_FACTOR. Replica assignments may only name
this node. Each hundred topics is a write to the disk, and others are served meanwhile.
"""

from __future__ import annotations

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

from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.errors import ApiError, without_traces
from logpost_broker.metadata.ids import NODE_ID
from logpost_broker.metadata.topics import INTERNAL_TOPICS, NewTopic, Topic
from logpost_broker.node import Node
from logpost_broker.wire.units import NO_THROTTLE

BROKERS_CHOICE = -1


@handles(CreateTopicsRequest, CreateTopicsResponse)
async def create_topics(node: Node, request: CreateTopicsRequest, context: RequestContext) -> CreateTopicsResponse:
    asked = Counter(topic.name for topic in request.topics)
    outcomes: dict[str, Topic | ApiError] = {}
    wanted = []
    with context.in_order():
        async for topic in node.turns.each(request.topics):
            try:
                node.partitions.require_running()
                if asked[topic.name] > 1:
                    raise ApiError(ErrorCode.invalid_request, f"topic '{topic.name}' is asked for more than once")
                one = _wanted(node, topic)
                if request.validate_only:
                    outcomes[one.name] = node.partitions.topics.new(one)
                else:
                    wanted.append(one)
            except ApiError as error:
                outcomes[topic.name] = without_traces(error)
        outcomes |= await node.partitions.create_topics(wanted)
    results = [_result(node, name, outcomes[name], request.validate_only) async for name in node.turns.each(asked)]
    return CreateTopicsResponse(throttle_time=NO_THROTTLE, topics=tuple(results))


def _wanted(node: Node, asked: CreatableTopic) -> NewTopic:
    """Raises ApiError."""
    if asked.name in INTERNAL_TOPICS and node.partitions.topics.by_name(asked.name) is None:
        raise ApiError(ErrorCode.invalid_request, f"'{asked.name}' is made by the broker itself")
    overrides = {config.name: config.value for config in asked.configs}  # of a name given twice the last counts
    return NewTopic(asked.name, _partitions(node, asked), overrides)


def _result(node: Node, name: TopicName, outcome: Topic | ApiError, validate_only: bool) -> CreatableTopicResult:
    if isinstance(outcome, ApiError):
        return CreatableTopicResult(
            name=name, topic_id=None, error_code=outcome.code, error_message=outcome.message, configs=None
        )
    return CreatableTopicResult(
        name=name,
        topic_id=None if validate_only else outcome.id,
        error_code=ErrorCode.none,
        error_message=None,
        num_partitions=i32(outcome.partitions),
        replication_factor=i16(1),
        configs=tuple(
            CreatableTopicConfigs(
                name=setting.name,
                value=setting.value,
                read_only=False,
                config_source=i8(setting.source),
                is_sensitive=False,
            )
            for setting in outcome.configs.described(node.partitions.settings)
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
        return (
            node.partitions.config.num_partitions
            if asked.num_partitions == BROKERS_CHOICE
            else int(asked.num_partitions)
        )
    if (asked.num_partitions, asked.replication_factor) != (BROKERS_CHOICE, BROKERS_CHOICE):
        raise ApiError(ErrorCode.invalid_request, "with assignments, partitions and replication factor must be -1")
    indexes = sorted(assignment.partition_index for assignment in asked.assignments)
    if indexes != list(range(len(indexes))):
        raise ApiError(ErrorCode.invalid_replica_assignment, "partitions must be numbered from 0 without gaps")
    if any(assignment.broker_ids != (NODE_ID,) for assignment in asked.assignments):
        raise ApiError(ErrorCode.invalid_replica_assignment, f"the only broker is {NODE_ID}")
    return len(indexes)
