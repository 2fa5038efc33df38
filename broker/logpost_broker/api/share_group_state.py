"""InitializeShareGroupState (83), ReadShareGroupState (84), WriteShareGroupState (85), DeleteShareGroupState (86),
ReadShareGroupStateSummary (87): the durable state of share partitions (KIP-932), which brokers of a cluster ask each
other for. Here it is the state that share fetches live on.

All version 0; WriteShareGroupState and ReadShareGroupStateSummary v1: records that are finished (KIP-1226)
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Protocol, TypeVar

from kio.schema.delete_share_group_state.v0 import request as deleting
from kio.schema.delete_share_group_state.v0 import response as deleted
from kio.schema.errors import ErrorCode
from kio.schema.initialize_share_group_state.v0 import request as initializing
from kio.schema.initialize_share_group_state.v0 import response as initialized
from kio.schema.read_share_group_state.v0 import request as reading
from kio.schema.read_share_group_state.v0 import response as read
from kio.schema.read_share_group_state_summary.v1 import request as summarizing
from kio.schema.read_share_group_state_summary.v1 import response as summarized
from kio.schema.write_share_group_state.v1 import request as writing
from kio.schema.write_share_group_state.v1 import response as written
from kio.static.primitive import i8, i16, i32, i64

from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.errors import ApiError
from logpost_broker.groups.share.events import UNCHANGED, Place, RecordState, StateBatch
from logpost_broker.groups.share.share_partition import Change
from logpost_broker.groups.share.states import Kept
from logpost_broker.node import Node

NOT_BEGUN = i64(-1)
STORED_STATES = (RecordState.AVAILABLE, RecordState.ACKNOWLEDGED, RecordState.ARCHIVED)


class AskedPartition(Protocol):
    @property
    def partition(self) -> i32: ...


P = TypeVar("P", bound=AskedPartition)
P_co = TypeVar("P_co", bound=AskedPartition, covariant=True)


class AskedTopic(Protocol[P_co]):
    """The same in all requests here."""

    @property
    def topic_id(self) -> uuid.UUID | None: ...
    @property
    def partitions(self) -> Sequence[P_co]: ...


async def _changed(
    node: Node, group_id: str, topics: Sequence[AskedTopic[P]], change: Callable[[Place, P], None]
) -> list[tuple[uuid.UUID | None, list[tuple[i32, ErrorCode, str | None]]]]:
    """What became of each partition, when it is durable."""
    delivery = node.shares.delivery
    results = []
    async for topic in node.turns.each(topics):
        codes: list[tuple[i32, ErrorCode, str | None]] = []
        async for asked in node.turns.each(topic.partitions):
            try:
                change(_place(group_id, topic.topic_id, asked.partition), asked)
                await delivery.settled()
                codes.append((asked.partition, ErrorCode.none, None))
            except ApiError as error:
                codes.append((asked.partition, error.code, str(error)))
        results.append((topic.topic_id, codes))
    return results


def _kept(node: Node, group_id: str) -> Callable[[uuid.UUID | None, int], Kept | None]:
    """Looks up what is kept of a topic's partition."""
    states = node.shares.delivery.states
    return lambda topic_id, partition: states.kept(_place(group_id, topic_id, partition))


def _place(group_id: str, topic_id: uuid.UUID | None, partition: int) -> Place:
    return Place(group_id, topic_id or uuid.UUID(int=0), partition)


@handles(initializing.InitializeShareGroupStateRequest, initialized.InitializeShareGroupStateResponse)
async def initialize_share_group_state(
    node: Node, request: initializing.InitializeShareGroupStateRequest, context: RequestContext
) -> initialized.InitializeShareGroupStateResponse:
    delivery = node.shares.delivery

    def initialize(place: Place, asked: initializing.PartitionData) -> None:
        """Without a start offset the group begins where its first fetch finds that it should."""
        if asked.start_offset == NOT_BEGUN:
            delivery.forget([place] if delivery.states.get(place) else [])
        else:
            delivery.begin(place, asked.start_offset)

    results = await _changed(node, request.group_id, request.topics, initialize)
    return initialized.InitializeShareGroupStateResponse(
        results=tuple(
            initialized.InitializeStateResult(
                topic_id=topic_id,
                partitions=tuple(
                    initialized.PartitionResult(partition=partition, error_code=code, error_message=message)
                    for partition, code, message in codes
                ),
            )
            for topic_id, codes in results
        )
    )


@handles(writing.WriteShareGroupStateRequest, written.WriteShareGroupStateResponse)
async def write_share_group_state(
    node: Node, request: writing.WriteShareGroupStateRequest, context: RequestContext
) -> written.WriteShareGroupStateResponse:
    delivery = node.shares.delivery

    def write(place: Place, asked: writing.PartitionData) -> None:
        delivery.write(place, asked.state_epoch, _change(asked))

    results = await _changed(node, request.group_id, request.topics, write)
    return written.WriteShareGroupStateResponse(
        results=tuple(
            written.WriteStateResult(
                topic_id=topic_id,
                partitions=tuple(
                    written.PartitionResult(partition=partition, error_code=code, error_message=message)
                    for partition, code, message in codes
                ),
            )
            for topic_id, codes in results
        )
    )


def _change(asked: writing.PartitionData) -> Change:
    """Raises ApiError INVALID_REQUEST."""
    batches = []
    for batch in asked.state_batches:
        if int(batch.delivery_state) not in STORED_STATES or not 0 <= batch.first_offset <= batch.last_offset:
            raise ApiError(ErrorCode.invalid_request, "a state batch is a range of offsets in a state 0, 2 or 4")
        state = RecordState(batch.delivery_state)
        batches.append(StateBatch(batch.first_offset, batch.last_offset, state, batch.delivery_count))
    batches.sort()
    if any(one.last_offset >= other.first_offset for one, other in pairwise(batches)):
        raise ApiError(ErrorCode.invalid_request, "state batches overlap")
    return Change(
        start_offset=max(asked.start_offset, UNCHANGED),
        batches=tuple(batches),
        delivery_complete_count=asked.delivery_complete_count,
    )


@handles(deleting.DeleteShareGroupStateRequest, deleted.DeleteShareGroupStateResponse)
async def delete_share_group_state(
    node: Node, request: deleting.DeleteShareGroupStateRequest, context: RequestContext
) -> deleted.DeleteShareGroupStateResponse:
    delivery = node.shares.delivery

    def delete(place: Place, asked: deleting.PartitionData) -> None:
        delivery.forget([place] if delivery.states.get(place) else [])

    results = await _changed(node, request.group_id, request.topics, delete)
    return deleted.DeleteShareGroupStateResponse(
        results=tuple(
            deleted.DeleteStateResult(
                topic_id=topic_id,
                partitions=tuple(
                    deleted.PartitionResult(partition=partition, error_code=code, error_message=message)
                    for partition, code, message in codes
                ),
            )
            for topic_id, codes in results
        )
    )


@handles(reading.ReadShareGroupStateRequest, read.ReadShareGroupStateResponse)
async def read_share_group_state(
    node: Node, request: reading.ReadShareGroupStateRequest, context: RequestContext
) -> read.ReadShareGroupStateResponse:
    kept = _kept(node, request.group_id)
    return read.ReadShareGroupStateResponse(
        results=tuple(
            [
                read.ReadStateResult(
                    topic_id=topic.topic_id,
                    partitions=tuple(
                        [
                            _read(asked.partition, kept(topic.topic_id, asked.partition))
                            async for asked in node.turns.each(topic.partitions)
                        ]
                    ),
                )
                async for topic in node.turns.each(request.topics)
            ]
        )
    )


def _read(partition: i32, kept: Kept | None) -> read.PartitionResult:
    batches = () if kept is None else kept.partition.batches()
    return read.PartitionResult(
        partition=partition,
        error_code=ErrorCode.none,
        state_epoch=i32(0 if kept is None else kept.state_epoch),
        start_offset=NOT_BEGUN if kept is None else i64(kept.partition.start_offset),
        state_batches=tuple(
            read.StateBatch(
                first_offset=i64(batch.first_offset),
                last_offset=i64(batch.last_offset),
                delivery_state=i8(batch.state),
                delivery_count=i16(batch.delivery_count),
            )
            for batch in batches
        ),
    )


@handles(summarizing.ReadShareGroupStateSummaryRequest, summarized.ReadShareGroupStateSummaryResponse)
async def read_share_group_state_summary(
    node: Node, request: summarizing.ReadShareGroupStateSummaryRequest, context: RequestContext
) -> summarized.ReadShareGroupStateSummaryResponse:
    kept = _kept(node, request.group_id)
    return summarized.ReadShareGroupStateSummaryResponse(
        results=tuple(
            [
                summarized.ReadStateSummaryResult(
                    topic_id=topic.topic_id,
                    partitions=tuple(
                        [
                            _summary(asked.partition, kept(topic.topic_id, asked.partition))
                            async for asked in node.turns.each(topic.partitions)
                        ]
                    ),
                )
                async for topic in node.turns.each(request.topics)
            ]
        )
    )


def _summary(partition: i32, kept: Kept | None) -> summarized.PartitionResult:
    return summarized.PartitionResult(
        partition=partition,
        error_code=ErrorCode.none,
        state_epoch=i32(0 if kept is None else kept.state_epoch),
        leader_epoch=i32(0 if kept is None else kept.leader_epoch),
        start_offset=NOT_BEGUN if kept is None else i64(kept.partition.start_offset),
        delivery_complete_count=i32(-1 if kept is None else kept.partition.delivery_complete_count),
    )
