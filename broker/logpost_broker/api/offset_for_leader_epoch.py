"""OffsetForLeaderEpoch (23), versions 2 to 4: where a leader epoch ended (KIP-101, KIP-320).

- v2: the current leader epoch. v3: the replica. v4: flexible

A consumer asks after the leader epoch rose, which it does when the broker was not stopped in order: an end below its
own position says that records it has read are gone.
"""

from __future__ import annotations

from kio.schema.errors import ErrorCode
from kio.schema.offset_for_leader_epoch.v4.request import OffsetForLeaderEpochRequest, OffsetForLeaderPartition
from kio.schema.offset_for_leader_epoch.v4.response import (
    EpochEndOffset,
    OffsetForLeaderEpochResponse,
    OffsetForLeaderTopicResult,
)
from kio.static.primitive import i32, i64

from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.errors import ApiError
from logpost_broker.log.leader_epochs import EpochEnd
from logpost_broker.node import Node
from logpost_broker.wire.units import NO_THROTTLE

UNKNOWN = EpochEnd(epoch=-1, end_offset=-1)


@handles(OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse)
async def offset_for_leader_epoch(
    node: Node, request: OffsetForLeaderEpochRequest, context: RequestContext
) -> OffsetForLeaderEpochResponse:
    return OffsetForLeaderEpochResponse(
        throttle_time=NO_THROTTLE,
        topics=tuple(
            [
                OffsetForLeaderTopicResult(
                    topic=topic.topic,
                    partitions=tuple(
                        [_partition(node, topic.topic, asked) async for asked in node.turns.each(topic.partitions)]
                    ),
                )
                async for topic in node.turns.each(request.topics)
            ]
        ),
    )


def _partition(node: Node, name: str, asked: OffsetForLeaderPartition) -> EpochEndOffset:
    try:
        end = _end(node, name, asked)
    except ApiError as error:
        return EpochEndOffset(error_code=error.code, partition=asked.partition)
    return EpochEndOffset(
        error_code=ErrorCode.none,
        partition=asked.partition,
        leader_epoch=i32(end.epoch),
        end_offset=i64(end.end_offset),
    )


def _end(node: Node, name: str, asked: OffsetForLeaderPartition) -> EpochEnd:
    """Raises ApiError."""
    topic = node.partitions.topics.by_name(name)
    if topic is None:
        raise ApiError(ErrorCode.unknown_topic_or_partition)
    log = node.partitions.log(topic, asked.partition)
    log.require_online()
    log.require_epoch(asked.current_leader_epoch)
    return log.epochs.end_of(asked.leader_epoch, log.next_offset) or UNKNOWN
