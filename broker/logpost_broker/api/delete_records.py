"""DeleteRecords (21), versions 0 to 2 (KIP-107): the start of a partition moves up, durably.

- v2: flexible

-1 is the high watermark. Deleting what is gone already changes nothing and is no error. The starts of all partitions of
a request become durable with one write. Refused are the broker's own topics and topics that are compacted only, which
Kafka calls INVALID_TOPIC_EXCEPTION and POLICY_VIOLATION.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from kio.schema.delete_records.v2.request import DeleteRecordsPartition, DeleteRecordsRequest
from kio.schema.delete_records.v2.response import (
    DeleteRecordsPartitionResult,
    DeleteRecordsResponse,
    DeleteRecordsTopicResult,
)
from kio.schema.errors import ErrorCode
from kio.static.primitive import i32, i64

from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.errors import ApiError
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.node import Node
from logpost_broker.wire.units import NO_THROTTLE

UP_TO_HIGH_WATERMARK = -1
NO_OFFSET = i64(-1)


@handles(DeleteRecordsRequest, DeleteRecordsResponse)
async def delete_records(node: Node, request: DeleteRecordsRequest, context: RequestContext) -> DeleteRecordsResponse:
    starts: dict[PartitionLog, int] = {}
    with context.in_order():  # else -1 would stand for what is sent behind this
        await node.partitions.shown([log async for log in _logs(node, request)])
        checked = {
            topic.name: [
                (asked.partition_index, _note(node, topic.name, asked, starts))
                async for asked in node.turns.each(topic.partitions)
            ]
            async for topic in node.turns.each(request.topics)
        }
    failure = None
    try:
        await node.retention.move_starts(starts)
    except ApiError as error:
        failure = error
    return DeleteRecordsResponse(
        throttle_time=NO_THROTTLE,
        topics=tuple(
            [
                DeleteRecordsTopicResult(
                    name=name,
                    partitions=tuple(
                        [_result(index, found, failure) async for index, found in node.turns.each(partitions)]
                    ),
                )
                async for name, partitions in node.turns.each(checked.items())
            ]
        ),
    )


async def _logs(node: Node, request: DeleteRecordsRequest) -> AsyncIterator[PartitionLog]:
    async for topic in node.turns.each(request.topics):
        async for asked in node.turns.each(topic.partitions):
            with contextlib.suppress(ApiError):  # the answer says why
                yield _log(node, topic.name, asked.partition_index)


def _note(
    node: Node, name: str, asked: DeleteRecordsPartition, starts: dict[PartitionLog, int]
) -> PartitionLog | ApiError:
    """The log that is asked for; where it is to start goes into `starts`."""
    try:
        log = _log(node, name, asked.partition_index)
        offset = log.high_watermark if asked.offset == UP_TO_HIGH_WATERMARK else int(asked.offset)
        if not 0 <= offset <= log.high_watermark:
            raise ApiError(ErrorCode.offset_out_of_range, f"{offset} of {log.log_start_offset} to {log.high_watermark}")
    except ApiError as error:
        return error
    starts[log] = max(offset, starts.get(log, 0))
    return log


def _log(node: Node, name: str, partition: int) -> PartitionLog:
    topic = node.partitions.topics.by_name(name)
    if topic is None:
        raise ApiError(ErrorCode.unknown_topic_or_partition, f"there is no topic '{name}'")
    if topic.internal:
        raise ApiError(ErrorCode.invalid_topic_exception, f"'{name}' belongs to the broker itself")
    log = node.partitions.log(topic, partition)
    log.require_online()
    if "delete" not in topic.configs.text("cleanup.policy", node.partitions.config):
        raise ApiError(ErrorCode.policy_violation, f"'{name}' is compacted only")
    return log


def _result(index: i32, found: PartitionLog | ApiError, failure: ApiError | None) -> DeleteRecordsPartitionResult:
    try:
        low_watermark = _low_watermark(found, failure)
    except ApiError as error:
        return DeleteRecordsPartitionResult(partition_index=index, low_watermark=NO_OFFSET, error_code=error.code)
    return DeleteRecordsPartitionResult(
        partition_index=index, low_watermark=i64(low_watermark), error_code=ErrorCode.none
    )


def _low_watermark(found: PartitionLog | ApiError, failure: ApiError | None) -> int:
    """Raises ApiError, whatever kept the log's start from moving."""
    if isinstance(found, ApiError):
        raise found
    if failure is not None:
        raise failure
    found.require_online()
    return found.log_start_offset
