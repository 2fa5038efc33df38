"""Metadata (3), versions 0 to 13: the broker, and topics with their partitions.

- v0: no topics asked means all; from v1 on null means all, and none means none
- v1: controller, internal topics, rack. v2: cluster id. v3: throttle time. v4: `allow_auto_topic_creation`
- v5: offline replicas. v7: leader epoch. v8: authorized operations; those of the cluster only until v10, asked or not
- v9: flexible. v10: topic ids. v12: topics asked by id. v13: a top-level error

An unknown topic is created on first use (`broker.auto_create_topics`), and is there when the answer leaves, except for
those above `TOPICS_ON_FIRST_USE`: clients ask again for these. Each hundred topics is a write to the disk, and others
are served meanwhile.

Authorized operations are all those of the resource, since nothing is forbidden. Offline partitions are shown as led:
clients get the error from Produce and Fetch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kio.schema.errors import ErrorCode
from kio.schema.metadata.v13.request import MetadataRequest, MetadataRequestTopic
from kio.schema.metadata.v13.response import (
    MetadataResponse,
    MetadataResponseBroker,
    MetadataResponsePartition,
    MetadataResponseTopic,
)
from kio.schema.types import BrokerId, TopicName
from kio.static.primitive import i32

from logpost_broker.api.describe_cluster import CLUSTER_OPERATIONS, OPERATIONS_NOT_ASKED
from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.errors import ApiError
from logpost_broker.metadata.ids import NODE_ID
from logpost_broker.metadata.topics import INTERNAL_TOPICS, NewTopic, Topic, check_name
from logpost_broker.node import Node
from logpost_broker.wire.convert import Adapted
from logpost_broker.wire.units import NO_THROTTLE

TOPICS_ON_FIRST_USE = 1_000
"""How many topics one request creates."""
BROKER_ID = BrokerId(NODE_ID)
TOPIC_OPERATIONS = i32(sum(1 << operation for operation in (3, 4, 5, 6, 7, 8, 10, 11)))
"""Read, write, create, delete, alter, describe, describe and alter configs, as Kafka numbers them."""


@handles(
    MetadataRequest,
    MetadataResponse,
    lift=[Adapted("topics", until=0, value=lambda request: request.topics or None)],
    large_answers=True,
    lower=[Adapted("cluster_authorized_operations", until=10, value=lambda response: CLUSTER_OPERATIONS)],
)
async def metadata(node: Node, request: MetadataRequest, context: RequestContext) -> MetadataResponse:
    operations = TOPIC_OPERATIONS if request.include_topic_authorized_operations else OPERATIONS_NOT_ASKED
    if request.topics is None:
        topics = [await _described(node, topic, operations) async for topic in node.turns.each(node.partitions.topics)]
    else:
        wanted = dict.fromkeys(request.topics)
        may_create = request.allow_auto_topic_creation and node.partitions.config.auto_create_topics
        refused = await _create_missing(node, wanted, context) if may_create else {}
        topics = [await _asked(node, asked, operations, refused) async for asked in node.turns.each(wanted)]
    return MetadataResponse(
        throttle_time=NO_THROTTLE,
        brokers=(MetadataResponseBroker(node_id=BROKER_ID, host=node.host, port=i32(node.port), rack=None),),
        cluster_id=node.cluster_id,
        controller_id=BROKER_ID,
        topics=tuple(topics),
        error_code=ErrorCode.none,
    )


async def _create_missing(
    node: Node, wanted: Iterable[MetadataRequestTopic], context: RequestContext
) -> dict[str, ApiError]:
    """Create the topics that are not there; returns why some could not be. At the limit of partitions, clients
    are to ask again, as for one that somebody else makes."""
    partitions = node.partitions.config.num_partitions
    with context.in_order():
        missing = [name async for asked in node.turns.each(wanted) if (name := _missing(node, asked)) is not None]
        outcomes = await node.partitions.create_topics(
            [NewTopic(name, partitions) for name in missing[:TOPICS_ON_FIRST_USE]]
        )
    return {
        name: outcome
        for name, outcome in outcomes.items()
        if isinstance(outcome, ApiError) and outcome.code is not ErrorCode.policy_violation
    }


def _missing(node: Node, asked: MetadataRequestTopic) -> str | None:
    """The name of a topic that first use creates."""
    if asked.topic_id is not None or asked.name in INTERNAL_TOPICS:
        return None
    return asked.name if asked.name is not None and node.partitions.topics.by_name(asked.name) is None else None


async def _asked(
    node: Node, asked: MetadataRequestTopic, operations: i32, refused: Mapping[str, ApiError]
) -> MetadataResponseTopic:
    try:
        return await _described(node, _find(node, asked, refused), operations)
    except ApiError as error:
        name = asked.name if asked.topic_id is None else None
        return MetadataResponseTopic(
            error_code=error.code,
            name=name,
            topic_id=asked.topic_id,
            partitions=(),
            topic_authorized_operations=OPERATIONS_NOT_ASKED if name is None else operations,
        )


def _find(node: Node, asked: MetadataRequestTopic, refused: Mapping[str, ApiError]) -> Topic:
    """Raises ApiError."""
    if asked.topic_id is not None or asked.name is None:  # Java's client sends an empty name with an id
        return node.partitions.topic_of(asked.topic_id)
    topic = node.partitions.topics.by_name(asked.name)
    if topic is not None:
        return topic
    check_name(asked.name)
    raise refused.get(asked.name) or ApiError(ErrorCode.unknown_topic_or_partition)


async def _described(node: Node, topic: Topic, operations: i32) -> MetadataResponseTopic:
    return MetadataResponseTopic(
        error_code=ErrorCode.none,
        name=TopicName(topic.name),
        topic_id=topic.id,
        is_internal=topic.internal,
        partitions=tuple([_partition(node, number) async for number in node.turns.each(range(topic.partitions))]),
        topic_authorized_operations=operations,
    )


def _partition(node: Node, number: int) -> MetadataResponsePartition:
    return MetadataResponsePartition(
        error_code=ErrorCode.none,
        partition_index=i32(number),
        leader_id=BROKER_ID,
        leader_epoch=i32(node.partitions.logs.leader_epoch),
        replica_nodes=(BROKER_ID,),
        isr_nodes=(BROKER_ID,),
        offline_replicas=(),
    )
