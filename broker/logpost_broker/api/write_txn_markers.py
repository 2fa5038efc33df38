"""WriteTxnMarkers (27), versions 1 and 2: end any producer's transaction in some partitions.

- v2: the protocol of the transaction (KIP-890)

An administrator's way out (`kafka-transactions.sh abort`, Admin.abortTransaction); in a cluster it is also how
coordinators write their markers.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from kio.schema.errors import ErrorCode
from kio.schema.write_txn_markers.v2.request import WritableTxnMarker, WriteTxnMarkersRequest
from kio.schema.write_txn_markers.v2.response import (
    WritableTxnMarkerPartitionResult,
    WritableTxnMarkerResult,
    WritableTxnMarkerTopicResult,
    WriteTxnMarkersResponse,
)

from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.errors import ApiError
from logpost_broker.log.producer_identity import ProducerIdentity
from logpost_broker.node import Node
from logpost_broker.transactions.events import TopicPartition
from logpost_broker.transactions.markers import Markers


@handles(WriteTxnMarkersRequest, WriteTxnMarkersResponse)
async def write_txn_markers(
    node: Node, request: WriteTxnMarkersRequest, context: RequestContext
) -> WriteTxnMarkersResponse:
    markers = node.transactions.markers
    asked = [
        (marker, (topic.name, partition))
        async for marker in node.turns.each(request.markers)
        async for topic in node.turns.each(marker.topics)
        for partition in topic.partition_indexes
    ]
    results = await node.turns.all_of([partial(_write, markers, *each) for each in asked])
    codes = (result.code if isinstance(result, ApiError) else ErrorCode.none for result in results)
    return WriteTxnMarkersResponse(
        markers=tuple([await _result(node, marker, codes) async for marker in node.turns.each(request.markers)])
    )


async def _write(markers: Markers, marker: WritableTxnMarker, place: TopicPartition) -> None:
    """Raises ApiError."""
    producer = ProducerIdentity(marker.producer_id, marker.producer_epoch)
    await markers.write(place, producer, coordinator_epoch=marker.coordinator_epoch, commit=marker.transaction_result)


async def _result(node: Node, marker: WritableTxnMarker, codes: Iterator[ErrorCode]) -> WritableTxnMarkerResult:
    """Takes from `codes` those of the marker's partitions."""
    return WritableTxnMarkerResult(
        producer_id=marker.producer_id,
        topics=tuple(
            [
                WritableTxnMarkerTopicResult(
                    name=topic.name,
                    partitions=tuple(
                        [
                            WritableTxnMarkerPartitionResult(partition_index=partition, error_code=next(codes))
                            async for partition in node.turns.each(topic.partition_indexes)
                        ]
                    ),
                )
                async for topic in node.turns.each(marker.topics)
            ]
        ),
    )
