"""WriteTxnMarkers (27), versions 1 and 2: end a producer's transaction in some partitions, whoever coordinates it.

- v2: the protocol of the transaction (KIP-890)

An administrator's way out (`kafka-transactions.sh abort`, Admin.abortTransaction); in a cluster it is also how
coordinators write their markers.
"""

from __future__ import annotations

import asyncio

from kio.schema.errors import ErrorCode
from kio.schema.write_txn_markers.v2.request import WritableTxnMarker, WriteTxnMarkersRequest
from kio.schema.write_txn_markers.v2.response import (
    WritableTxnMarkerPartitionResult,
    WritableTxnMarkerResult,
    WritableTxnMarkerTopicResult,
    WriteTxnMarkersResponse,
)

from logpost_broker.errors import ApiError
from logpost_broker.node import Node
from logpost_broker.producer_identity import ProducerIdentity
from logpost_broker.transactions.events import TopicPartition
from logpost_broker.transactions.markers import Markers
from logpost_broker.transactions.service import TransactionService
from logpost_broker.wire.registry import RequestContext, handles


@handles(WriteTxnMarkersRequest, WriteTxnMarkersResponse)
async def write_txn_markers(
    node: Node, request: WriteTxnMarkersRequest, context: RequestContext
) -> WriteTxnMarkersResponse:
    markers = node.service(TransactionService).markers
    codes = await asyncio.gather(*(_written(markers, marker) for marker in request.markers))
    return WriteTxnMarkersResponse(
        markers=tuple(_result(marker, places) for marker, places in zip(request.markers, codes, strict=True))
    )


async def _written(markers: Markers, marker: WritableTxnMarker) -> dict[TopicPartition, ErrorCode]:
    places = [(topic.name, partition) for topic in marker.topics for partition in topic.partition_indexes]
    codes = await asyncio.gather(*(_write(markers, marker, place) for place in places))
    return dict(zip(places, codes, strict=True))


async def _write(markers: Markers, marker: WritableTxnMarker, place: TopicPartition) -> ErrorCode:
    producer = ProducerIdentity(marker.producer_id, marker.producer_epoch)
    try:
        await markers.write(
            place, producer, coordinator_epoch=marker.coordinator_epoch, commit=marker.transaction_result
        )
    except ApiError as error:
        return error.code
    return ErrorCode.none


def _result(marker: WritableTxnMarker, codes: dict[TopicPartition, ErrorCode]) -> WritableTxnMarkerResult:
    return WritableTxnMarkerResult(
        producer_id=marker.producer_id,
        topics=tuple(
            WritableTxnMarkerTopicResult(
                name=topic.name,
                partitions=tuple(
                    WritableTxnMarkerPartitionResult(partition_index=partition, error_code=codes[topic.name, partition])
                    for partition in topic.partition_indexes
                ),
            )
            for topic in marker.topics
        ),
    )
