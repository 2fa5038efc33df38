"""ListOffsets (2), versions 1 to 11.

- v2: isolation level. v4: leader epoch. v6: flexible. v7: the highest timestamp (-3). v8: the local log start (-4)
- v9: what is in tiered storage (-5). v10: timeout. v11: what waits for upload (-6)

Nothing is tiered here: -4 is the log start, -5 and -6 find nothing.
"""

from __future__ import annotations

from kio.schema.errors import ErrorCode
from kio.schema.list_offsets.v11.request import ListOffsetsPartition, ListOffsetsRequest
from kio.schema.list_offsets.v11.response import (
    ListOffsetsPartitionResponse,
    ListOffsetsResponse,
    ListOffsetsTopicResponse,
)
from kio.static.primitive import i32, i64

from logpost_broker.errors import ApiError
from logpost_broker.log.partition_log import PartitionLog, TimestampedOffset
from logpost_broker.node import Node
from logpost_broker.wire.registry import RequestContext, handles
from logpost_broker.wire.units import NO_THROTTLE

LATEST, EARLIEST, MAX_TIMESTAMP, EARLIEST_LOCAL, LATEST_TIERED, EARLIEST_PENDING_UPLOAD = range(-1, -7, -1)
NO_TIMESTAMP = -1
NOTHING = TimestampedOffset(timestamp_ms=-1, offset=-1)


@handles(ListOffsetsRequest, ListOffsetsResponse)
def list_offsets(node: Node, request: ListOffsetsRequest, context: RequestContext) -> ListOffsetsResponse:
    return ListOffsetsResponse(
        throttle_time=NO_THROTTLE,
        topics=tuple(
            ListOffsetsTopicResponse(
                name=topic.name,
                partitions=tuple(_partition(node, topic.name, asked) for asked in topic.partitions),
            )
            for topic in request.topics
        ),
    )


def _partition(node: Node, name: str, asked: ListOffsetsPartition) -> ListOffsetsPartitionResponse:
    try:
        topic = node.topics.by_name(name)
        if topic is None:
            raise ApiError(ErrorCode.unknown_topic_or_partition)
        log = node.log(topic, asked.partition_index)
        found = _find(log, asked.timestamp)
    except ApiError as error:
        return ListOffsetsPartitionResponse(partition_index=asked.partition_index, error_code=error.code)
    return ListOffsetsPartitionResponse(
        partition_index=asked.partition_index,
        error_code=ErrorCode.none,
        timestamp=i64(found.timestamp_ms),
        offset=i64(found.offset),
        leader_epoch=i32(log.leader_epoch if found.offset >= 0 else -1),
    )


def _find(log: PartitionLog, timestamp: int) -> TimestampedOffset:
    """Raises ApiError."""
    log.require_online()
    if timestamp == LATEST:
        return TimestampedOffset(timestamp_ms=NO_TIMESTAMP, offset=log.high_watermark)
    if timestamp in (EARLIEST, EARLIEST_LOCAL):
        return TimestampedOffset(timestamp_ms=NO_TIMESTAMP, offset=log.log_start_offset)
    if timestamp == MAX_TIMESTAMP:
        return log.newest_timestamp() or NOTHING
    if timestamp in (LATEST_TIERED, EARLIEST_PENDING_UPLOAD):
        return NOTHING
    if timestamp < 0:
        raise ApiError(ErrorCode.invalid_request, f"no time is called {timestamp}")
    return log.first_at_or_after(timestamp) or NOTHING
