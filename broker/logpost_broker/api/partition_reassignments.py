"""AlterPartitionReassignments (45), versions 0 and 1, and ListPartitionReassignments (46), version 0 (KIP-455).

- AlterPartitionReassignments v1: whether the number of replicas may change

Every partition is on this node already: to put it here changes nothing, to put it on another broker is refused with
INVALID_REPLICA_ASSIGNMENT, and none is ever on its way.
"""

from __future__ import annotations

from functools import partial

from kio.schema.alter_partition_reassignments.v1.request import (
    AlterPartitionReassignmentsRequest,
    ReassignablePartition,
)
from kio.schema.alter_partition_reassignments.v1.response import (
    AlterPartitionReassignmentsResponse,
    ReassignablePartitionResponse,
    ReassignableTopicResponse,
)
from kio.schema.errors import ErrorCode
from kio.schema.list_partition_reassignments.v0.request import ListPartitionReassignmentsRequest
from kio.schema.list_partition_reassignments.v0.response import ListPartitionReassignmentsResponse

from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.errors import ApiError
from logpost_broker.metadata.ids import NODE_ID
from logpost_broker.node import Node
from logpost_broker.wire.units import NO_THROTTLE


@handles(AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse)
async def alter_partition_reassignments(
    node: Node, request: AlterPartitionReassignmentsRequest, context: RequestContext
) -> AlterPartitionReassignmentsResponse:
    return AlterPartitionReassignmentsResponse(
        throttle_time=NO_THROTTLE,
        allow_replication_factor_change=request.allow_replication_factor_change,
        error_code=ErrorCode.none,
        error_message=None,
        responses=tuple(
            [
                ReassignableTopicResponse(
                    name=topic.name,
                    partitions=await node.turns.map(partial(_reassigned, node, topic.name), topic.partitions),
                )
                async for topic in node.turns.each(request.topics)
            ]
        ),
    )


def _reassigned(node: Node, name: str, asked: ReassignablePartition) -> ReassignablePartitionResponse:
    code, message = ErrorCode.none, None
    try:
        _check(node, name, asked)
    except ApiError as error:
        code, message = error.code, error.message
    return ReassignablePartitionResponse(partition_index=asked.partition_index, error_code=code, error_message=message)


def _check(node: Node, name: str, asked: ReassignablePartition) -> None:
    """Whether the partition is where it should be. Raises ApiError."""
    topic = node.partitions.topics.by_name(name)
    if topic is None or not 0 <= asked.partition_index < topic.partitions:
        raise ApiError(ErrorCode.unknown_topic_or_partition, f"there is no partition {name}-{asked.partition_index}")
    if asked.replicas is None:
        raise ApiError(ErrorCode.no_reassignment_in_progress)
    if asked.replicas != (NODE_ID,):
        raise ApiError(ErrorCode.invalid_replica_assignment, f"a partition has one replica, on broker {NODE_ID}")


@handles(ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse)
def list_partition_reassignments(
    node: Node, request: ListPartitionReassignmentsRequest, context: RequestContext
) -> ListPartitionReassignmentsResponse:
    return ListPartitionReassignmentsResponse(
        throttle_time=NO_THROTTLE, error_code=ErrorCode.none, error_message=None, topics=()
    )
