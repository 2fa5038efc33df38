"""ListOffsets (2), versions 1 to 11.

- v2: isolation level. v4: leader epoch. v6: flexible. v7: the highest timestamp (-3). v8: the local log start (-4)
- v9: what is in tiered storage (-5). v10: timeout. v11: what waits for upload (-6)

The end of a partition counts what was acknowledged with acks=1: it is told when that is synced, one sync later.
Nothing is tiered here: -4 is the log start, -5 and -6 find nothing. A time that the version does not know is answered
UNSUPPORTED_VERSION, a partition that is asked for twice INVALID_REQUEST, as by Apache Kafka 4.3.
"""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import AsyncIterator

from kio.schema.errors import ErrorCode
from kio.schema.list_offsets.v11.request import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic
from kio.schema.list_offsets.v11.response import (
    ListOffsetsPartitionResponse,
    ListOffsetsResponse,
    ListOffsetsTopicResponse,
)
from kio.static.primitive import i32, i64

from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.errors import ApiError
from logpost_broker.log.partition_log import NO_EPOCH, PartitionLog
from logpost_broker.log.time_lookup import TimestampedOffset, highest_timestamp, lookup_of
from logpost_broker.node import Node
from logpost_broker.wire.units import NO_THROTTLE

LATEST, EARLIEST, MAX_TIMESTAMP, EARLIEST_LOCAL, LATEST_TIERED, EARLIEST_PENDING_UPLOAD = range(-1, -7, -1)
SINCE = {LATEST: 1, EARLIEST: 1, MAX_TIMESTAMP: 7, EARLIEST_LOCAL: 8, LATEST_TIERED: 9, EARLIEST_PENDING_UPLOAD: 11}
"""The first version that knows each of these timestamps, which stand for a place."""
NEVER = sys.maxsize
READ_COMMITTED = 1
NO_TIMESTAMP = -1
NOTHING = TimestampedOffset(timestamp_ms=-1, offset=-1)


@handles(ListOffsetsRequest, ListOffsetsResponse)
async def list_offsets(node: Node, request: ListOffsetsRequest, context: RequestContext) -> ListOffsetsResponse:
    await node.partitions.shown([log async for log in _asked_for_their_end(node, request)])
    topics = [
        ListOffsetsTopicResponse(
            name=topic.name,
            partitions=tuple(
                [each async for each in _partitions(node, topic, request.isolation_level, context.version)]
            ),
        )
        async for topic in node.turns.each(request.topics)
    ]
    return ListOffsetsResponse(throttle_time=NO_THROTTLE, topics=tuple(topics))


async def _asked_for_their_end(node: Node, request: ListOffsetsRequest) -> AsyncIterator[PartitionLog]:
    async for asked_topic in node.turns.each(request.topics):
        topic = node.partitions.topics.by_name(asked_topic.name)
        if topic is None:
            continue
        async for asked in node.turns.each(asked_topic.partitions):
            if asked.timestamp not in (EARLIEST, EARLIEST_LOCAL):
                with contextlib.suppress(ApiError):  # the answer says why
                    yield node.partitions.log(topic, asked.partition_index)


async def _partitions(
    node: Node, topic: ListOffsetsTopic, isolation_level: int, version: int
) -> AsyncIterator[ListOffsetsPartitionResponse]:
    times = Counter(asked.partition_index for asked in topic.partitions)
    async for asked in node.turns.each({asked.partition_index: asked for asked in topic.partitions}.values()):
        if times[asked.partition_index] > 1:
            yield _refused(asked, ErrorCode.invalid_request)
        elif asked.timestamp < 0 and version < SINCE.get(asked.timestamp, NEVER):
            yield _refused(asked, ErrorCode.unsupported_version)
        else:
            yield await _partition(node, topic.name, asked, isolation_level)


async def _partition(
    node: Node, name: str, asked: ListOffsetsPartition, isolation_level: int
) -> ListOffsetsPartitionResponse:
    try:
        topic = node.partitions.topics.by_name(name)
        if topic is None:
            raise ApiError(ErrorCode.unknown_topic_or_partition)
        log = node.partitions.log(topic, asked.partition_index)
        log.require_epoch(asked.current_leader_epoch)
        found = await _find(node, log, asked.timestamp, isolation_level)
    except ApiError as error:
        return _refused(asked, error.code)
    epoch = None if found.offset < 0 else log.epochs.epoch_at(found.offset)
    return ListOffsetsPartitionResponse(
        partition_index=asked.partition_index,
        error_code=ErrorCode.none,
        timestamp=i64(found.timestamp_ms),
        offset=i64(found.offset),
        leader_epoch=i32(NO_EPOCH if epoch is None else epoch),
    )


def _refused(asked: ListOffsetsPartition, code: ErrorCode) -> ListOffsetsPartitionResponse:
    return ListOffsetsPartitionResponse(partition_index=asked.partition_index, error_code=code)


async def _find(node: Node, log: PartitionLog, timestamp: int, isolation_level: int) -> TimestampedOffset:
    """Raises ApiError."""
    log.require_online()
    end = log.last_stable_offset if isolation_level == READ_COMMITTED else log.high_watermark
    if timestamp == LATEST:
        return TimestampedOffset(timestamp_ms=NO_TIMESTAMP, offset=end)
    if timestamp in (EARLIEST, EARLIEST_LOCAL):
        return TimestampedOffset(timestamp_ms=NO_TIMESTAMP, offset=log.log_start_offset)
    if timestamp in (LATEST_TIERED, EARLIEST_PENDING_UPLOAD):
        return NOTHING
    wanted = highest_timestamp(log) if timestamp == MAX_TIMESTAMP else timestamp
    found = None if wanted == NO_TIMESTAMP else await node.turns.run(lookup_of(log, wanted))
    return NOTHING if found is None or found.offset >= end else found
