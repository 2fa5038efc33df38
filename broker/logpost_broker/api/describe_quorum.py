"""DescribeQuorum (55), versions 0 to 2 (KIP-595): this node is all of its quorum.

- v1: timestamps of voters. v2: error messages, directories of voters, and where they listen

There is no metadata log, but one file that is replaced: its high watermark here is how often topics changed since the
start. The quorum is a fixed one, whose voters have no directory ids.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from kio.schema.describe_quorum.v2.request import DescribeQuorumRequest
from kio.schema.describe_quorum.v2.request import PartitionData as AskedPartition
from kio.schema.describe_quorum.v2.response import (
    DescribeQuorumResponse,
    Listener,
    PartitionData,
    ReplicaState,
    TopicData,
)
from kio.schema.describe_quorum.v2.response import Node as QuorumNode
from kio.schema.errors import ErrorCode
from kio.schema.types import BrokerId, TopicName
from kio.static.primitive import i32, i64, u16

from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.metadata.ids import NODE_ID
from logpost_broker.node import Node

METADATA = ("__cluster_metadata", 0)
LISTENER = "PLAINTEXT"


@handles(DescribeQuorumRequest, DescribeQuorumResponse)
async def describe_quorum(
    node: Node, request: DescribeQuorumRequest, context: RequestContext
) -> DescribeQuorumResponse:
    asked = (
        (topic.topic_name, partition.partition_index) for topic in request.topics for partition in topic.partitions
    )
    if [*islice(asked, 2)] == [METADATA]:
        topics = (TopicData(topic_name=TopicName(METADATA[0]), partitions=(_quorum(node),)),)
        listener = Listener(name=LISTENER, host=node.host, port=u16(node.port))
        nodes = (QuorumNode(node_id=BrokerId(NODE_ID), listeners=(listener,)),)
        return _answer(topics, nodes)
    return _answer(
        [
            TopicData(topic_name=topic.topic_name, partitions=await node.turns.map(_unknown, topic.partitions))
            async for topic in node.turns.each(request.topics)
        ]
    )


def _answer(topics: Iterable[TopicData], nodes: tuple[QuorumNode, ...] = ()) -> DescribeQuorumResponse:
    return DescribeQuorumResponse(error_code=ErrorCode.none, error_message="", topics=tuple(topics), nodes=nodes)


def _quorum(node: Node) -> PartitionData:
    now = i64(node.partitions.now_ms())
    end = i64(node.partitions.topics.version)
    voter = ReplicaState(
        replica_id=BrokerId(NODE_ID),
        replica_directory_id=None,
        log_end_offset=end,
        last_fetch_timestamp=now,
        last_caught_up_timestamp=now,
    )
    return PartitionData(
        partition_index=i32(METADATA[1]),
        error_code=ErrorCode.none,
        error_message="",
        leader_id=BrokerId(NODE_ID),
        leader_epoch=i32(node.partitions.logs.leader_epoch),
        high_watermark=end,
        current_voters=(voter,),
        observers=(),
    )


def _unknown(asked: AskedPartition) -> PartitionData:
    return PartitionData(
        partition_index=asked.partition_index,
        error_code=ErrorCode.unknown_topic_or_partition,
        error_message=f"the quorum's only partition is {METADATA[0]}-{METADATA[1]}",
        leader_id=BrokerId(0),
        leader_epoch=i32(0),
        high_watermark=i64(0),
        current_voters=(),
        observers=(),
    )
