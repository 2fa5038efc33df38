"""ElectLeaders (43), versions 0 to 2: nobody else could lead, so an election is never needed.

- v1: preferred and unclean elections, a top-level error. v2: flexible

No list of partitions means all, of which an answer names only those that changed: none.
"""

from __future__ import annotations

from functools import partial

from kio.schema.elect_leaders.v2.request import ElectLeadersRequest
from kio.schema.elect_leaders.v2.response import ElectLeadersResponse, PartitionResult, ReplicaElectionResult
from kio.schema.errors import ErrorCode
from kio.schema.types import TopicName
from kio.static.primitive import i32

from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.node import Node
from logpost_broker.wire.units import NO_THROTTLE

PREFERRED, UNCLEAN = 0, 1


@handles(ElectLeadersRequest, ElectLeadersResponse)
async def elect_leaders(node: Node, request: ElectLeadersRequest, context: RequestContext) -> ElectLeadersResponse:
    is_known = request.election_type in (PREFERRED, UNCLEAN)
    if request.topic_partitions is None:
        names = [TopicName(topic.name) for topic in node.partitions.topics] if is_known else []
        results = [ReplicaElectionResult(topic=name, partition_result=()) for name in names]
    else:
        results = [
            ReplicaElectionResult(
                topic=asked.topic,
                partition_result=await node.turns.map(partial(_elected, node, request, asked.topic), asked.partitions),
            )
            async for asked in node.turns.each(request.topic_partitions)
        ]
    is_refused = not is_known and request.topic_partitions != ()
    return ElectLeadersResponse(
        throttle_time=NO_THROTTLE,
        error_code=ErrorCode.invalid_request if is_refused else ErrorCode.none,
        replica_election_results=tuple(results),
    )


def _elected(node: Node, request: ElectLeadersRequest, name: str, number: i32) -> PartitionResult:
    topic = node.partitions.topics.by_name(name)
    if request.election_type not in (PREFERRED, UNCLEAN):
        code, message = ErrorCode.invalid_request, f"there is no election of type {request.election_type}"
    elif topic is None or not 0 <= number < topic.partitions:
        code, message = ErrorCode.unknown_topic_or_partition, f"there is no partition {name}-{number}"
    else:
        code, message = ErrorCode.election_not_needed, "this broker leads it, and is its only replica"
    return PartitionResult(partition_id=number, error_code=code, error_message=message)
