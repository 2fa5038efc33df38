"""AddPartitionsToTxn (24), versions 0 to 5: partitions that a transaction is going to write to.

- v2: PRODUCER_FENCED, which was INVALID_PRODUCER_EPOCH. v3: flexible
- v4: from brokers only, several transactions at once, and `verify_only` (KIP-890). v5: TRANSACTION_ABORTABLE may be
  answered

All partitions are added, or none: where one cannot be, the others are answered OPERATION_NOT_ATTEMPTED.
"""

from __future__ import annotations

from collections.abc import Mapping

from kio.schema.add_partitions_to_txn.v5.request import AddPartitionsToTxnRequest, AddPartitionsToTxnTransaction
from kio.schema.add_partitions_to_txn.v5.response import (
    AddPartitionsToTxnPartitionResult,
    AddPartitionsToTxnResponse,
    AddPartitionsToTxnResult,
    AddPartitionsToTxnTopicResult,
)
from kio.schema.errors import ErrorCode

from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.errors import ApiError
from logpost_broker.log.producer_identity import ProducerIdentity
from logpost_broker.node import Node
from logpost_broker.transactions.events import TopicPartition
from logpost_broker.transactions.messages import Add
from logpost_broker.wire.convert import Adapted
from logpost_broker.wire.units import NO_THROTTLE

FIRST_WITH_PRODUCER_FENCED = 2
LAST_FROM_CLIENTS = 3


@handles(
    AddPartitionsToTxnRequest,
    AddPartitionsToTxnResponse,
    lift=[
        Adapted(
            "transactions",
            LAST_FROM_CLIENTS,
            lambda request: (
                {
                    "transactional_id": request.v3_and_below_transactional_id,
                    "producer_id": request.v3_and_below_producer_id,
                    "producer_epoch": request.v3_and_below_producer_epoch,
                    "topics": request.v3_and_below_topics,
                },
            ),
        )
    ],
    lower=[
        Adapted(
            "results_by_topic_v3_and_below",
            LAST_FROM_CLIENTS,
            lambda response: response.results_by_transaction[0].topic_results,
        )
    ],
)
async def add_partitions_to_txn(
    node: Node, request: AddPartitionsToTxnRequest, context: RequestContext
) -> AddPartitionsToTxnResponse:
    results = [
        await _add(node, transaction, context.version) async for transaction in node.turns.each(request.transactions)
    ]
    return AddPartitionsToTxnResponse(
        throttle_time=NO_THROTTLE, error_code=ErrorCode.none, results_by_transaction=tuple(results)
    )


async def _add(node: Node, transaction: AddPartitionsToTxnTransaction, version: int) -> AddPartitionsToTxnResult:
    places: list[TopicPartition] = [
        (topic.name, partition) async for topic in node.turns.each(transaction.topics) for partition in topic.partitions
    ]
    refused = {
        place: code async for place in node.turns.each(places) if (code := _code_of(node, place)) is not ErrorCode.none
    }
    if refused:
        return await _result(node, transaction, {**dict.fromkeys(places, ErrorCode.operation_not_attempted), **refused})
    add = Add(
        transactional_id=transaction.transactional_id,
        producer=ProducerIdentity(transaction.producer_id, transaction.producer_epoch),
        partitions=frozenset(places),
    )
    service = node.transactions
    try:
        if transaction.verify_only:
            missing = service.core.missing(add)
            codes = dict.fromkeys(places, ErrorCode.none) | dict.fromkeys(missing, ErrorCode.transaction_abortable)
            return await _result(node, transaction, codes)
        await service.add(add)
        return await _result(node, transaction, dict.fromkeys(places, ErrorCode.none))
    except ApiError as error:
        code = error.code
        if code is ErrorCode.producer_fenced and version < FIRST_WITH_PRODUCER_FENCED:
            code = ErrorCode.invalid_producer_epoch
        return await _result(node, transaction, dict.fromkeys(places, code))


def _code_of(node: Node, place: TopicPartition) -> ErrorCode:
    topic = node.partitions.topics.by_name(place[0])
    if topic is None or not 0 <= place[1] < topic.partitions:
        return ErrorCode.unknown_topic_or_partition
    return ErrorCode.topic_authorization_failed if topic.internal else ErrorCode.none


async def _result(
    node: Node, transaction: AddPartitionsToTxnTransaction, codes: Mapping[TopicPartition, ErrorCode]
) -> AddPartitionsToTxnResult:
    return AddPartitionsToTxnResult(
        transactional_id=transaction.transactional_id,
        topic_results=tuple(
            [
                AddPartitionsToTxnTopicResult(
                    name=topic.name,
                    results_by_partition=tuple(
                        [
                            AddPartitionsToTxnPartitionResult(
                                partition_index=partition, partition_error_code=codes[topic.name, partition]
                            )
                            async for partition in node.turns.each(topic.partitions)
                        ]
                    ),
                )
                async for topic in node.turns.each(transaction.topics)
            ]
        ),
    )
