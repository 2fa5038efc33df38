"""DescribeProducers (61), version 0 (KIP-664): who wrote to a partition idempotently or in transactions, and what of it
is open.

A producer's last timestamp is when its last batch or marker arrived, by this broker's clock.
"""

from __future__ import annotations

from functools import partial

from kio.schema.describe_producers.v0.request import DescribeProducersRequest
from kio.schema.describe_producers.v0.response import (
    DescribeProducersResponse,
    PartitionResponse,
    ProducerState,
    TopicResponse,
)
from kio.schema.errors import ErrorCode
from kio.schema.types import ProducerId, TopicName
from kio.static.primitive import i32, i64

from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.errors import ApiError
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.metadata.topics import check_name
from logpost_broker.node import Node
from logpost_broker.wire.units import NO_THROTTLE

NONE = -1
"""No sequence, no coordinator epoch, no open transaction."""


@handles(DescribeProducersRequest, DescribeProducersResponse, large_answers=True)
async def describe_producers(
    node: Node, request: DescribeProducersRequest, context: RequestContext
) -> DescribeProducersResponse:
    asked: dict[TopicName, dict[i32, None]] = {}
    async for topic in node.turns.each(request.topics):
        asked.setdefault(topic.name, {}).update(dict.fromkeys(topic.partition_indexes))
    return DescribeProducersResponse(
        throttle_time=NO_THROTTLE,
        topics=tuple(
            [
                TopicResponse(name=name, partitions=await node.turns.map(partial(_partition, node, name), numbers))
                async for name, numbers in node.turns.each(asked.items())
            ]
        ),
    )


def _partition(node: Node, name: str, number: i32) -> PartitionResponse:
    try:
        check_name(name)
        topic = node.partitions.topics.by_name(name)
        if topic is None:
            raise ApiError(ErrorCode.unknown_topic_or_partition, f"there is no topic '{name}'")
        log = node.partitions.log(topic, number)
        log.require_online()
    except ApiError as error:
        return PartitionResponse(
            partition_index=number, error_code=error.code, error_message=error.message, active_producers=()
        )
    return PartitionResponse(
        partition_index=number,
        error_code=ErrorCode.none,
        active_producers=_producers(log, node.partitions.logs.leader_epoch),
    )


def _producers(log: PartitionLog, coordinator_epoch: int) -> tuple[ProducerState, ...]:
    starts = {transaction.producer_id: transaction.first_offset for transaction in log.open_transactions}
    return tuple(
        ProducerState(
            producer_id=ProducerId(producer_id),
            producer_epoch=i32(producer.epoch),
            last_sequence=i32(producer.batches[-1].last_sequence if producer.batches else NONE),
            last_timestamp=i64(producer.seen_ms),
            coordinator_epoch=i32(coordinator_epoch if producer.marked_ms else NONE),
            current_txn_start_offset=i64(starts.get(producer_id, NONE)),
        )
        for producer_id, producer in log.producers
    )
