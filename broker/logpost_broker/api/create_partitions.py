"""CreatePartitions (37), versions 0 to 3: topics get more partitions, never fewer.

Keys then go to other partitions than before, and consumers notice by their metadata. Assignments may only name this
node. Each hundred topics is a write to the disk, and others are served meanwhile.
"""

from __future__ import annotations

from collections import Counter

from kio.schema.create_partitions.v3.request import CreatePartitionsRequest, CreatePartitionsTopic
from kio.schema.create_partitions.v3.response import CreatePartitionsResponse, CreatePartitionsTopicResult
from kio.schema.errors import ErrorCode

from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.errors import ApiError
from logpost_broker.metadata.ids import NODE_ID
from logpost_broker.metadata.topics import INTERNAL_TOPICS, Topic, TopicChanges
from logpost_broker.node import Node
from logpost_broker.wire.units import NO_THROTTLE


@handles(CreatePartitionsRequest, CreatePartitionsResponse)
async def create_partitions(
    node: Node, request: CreatePartitionsRequest, context: RequestContext
) -> CreatePartitionsResponse:
    asked = Counter(topic.name for topic in request.topics)
    topics = [*{topic.name: topic for topic in request.topics}.values()]

    def decide(changes: TopicChanges, topic: CreatePartitionsTopic) -> Topic:
        if asked[topic.name] > 1:
            raise ApiError(ErrorCode.invalid_request, f"topic '{topic.name}' is asked for more than once")
        return _grown(node, changes, topic, validate_only=request.validate_only)

    with context.in_order():
        outcomes = await node.partitions.change_topics(topics, decide)
    results = await node.turns.map(_result, zip(topics, outcomes, strict=True))
    return CreatePartitionsResponse(throttle_time=NO_THROTTLE, results=results)


def _grown(node: Node, changes: TopicChanges, asked: CreatePartitionsTopic, *, validate_only: bool) -> Topic:
    """Raises ApiError."""
    topic = node.partitions.topics.by_name(asked.name)
    if topic is None:
        raise ApiError(ErrorCode.unknown_topic_or_partition, f"there is no topic '{asked.name}'")
    if topic.name in INTERNAL_TOPICS:
        raise ApiError(ErrorCode.invalid_request, f"'{topic.name}' is the broker's own")
    node.partitions.topics.check_growth(topic, asked.count)
    if asked.assignments is not None:
        if len(asked.assignments) != asked.count - topic.partitions:
            raise ApiError(ErrorCode.invalid_replica_assignment, "each new partition needs an assignment")
        if any(assignment.broker_ids != (NODE_ID,) for assignment in asked.assignments):
            raise ApiError(ErrorCode.invalid_replica_assignment, f"the only broker is {NODE_ID}")
    return topic if validate_only else changes.grow(topic, asked.count)


def _result(result: tuple[CreatePartitionsTopic, Topic | ApiError]) -> CreatePartitionsTopicResult:
    asked, outcome = result
    if isinstance(outcome, ApiError):
        return CreatePartitionsTopicResult(name=asked.name, error_code=outcome.code, error_message=outcome.message)
    return CreatePartitionsTopicResult(name=asked.name, error_code=ErrorCode.none, error_message=None)
