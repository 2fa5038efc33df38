"""ShareAcknowledge (79): a member says what became of the records it acquired (KIP-932).

- v1: share sessions. v2: locks that are renewed (KIP-1222)

Per partition all acknowledgements of a request count, or none. They are answered when they are durable.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from kio.schema.errors import ErrorCode
from kio.schema.share_acknowledge.v2.request import ShareAcknowledgeRequest
from kio.schema.share_acknowledge.v2.response import (
    LeaderIdAndEpoch,
    PartitionData,
    ShareAcknowledgeResponse,
    ShareAcknowledgeTopicResponse,
)
from kio.static.primitive import i32

from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.errors import ApiError
from logpost_broker.groups.share.acknowledgements import Acknowledgement
from logpost_broker.groups.share.delivery import ShareDelivery
from logpost_broker.groups.share.events import Place
from logpost_broker.groups.share.sessions import FINAL_EPOCH, OPENING_EPOCH, TopicIdPartition
from logpost_broker.groups.share_service import ShareGroupService
from logpost_broker.metadata.ids import NODE_ID
from logpost_broker.node import Node
from logpost_broker.wire.units import NO_THROTTLE, duration

Acknowledgements = Mapping[TopicIdPartition, Sequence[Acknowledgement]]


class AskedBatch(Protocol):
    """The same in both requests that have it."""

    @property
    def first_offset(self) -> int: ...
    @property
    def last_offset(self) -> int: ...
    @property
    def acknowledge_types(self) -> tuple[int, ...]: ...


class AskedPartition(Protocol):
    @property
    def partition_index(self) -> int: ...
    @property
    def acknowledgement_batches(self) -> Sequence[AskedBatch]: ...


class AskedTopic(Protocol):
    @property
    def topic_id(self) -> uuid.UUID | None: ...
    @property
    def partitions(self) -> Sequence[AskedPartition]: ...


def acknowledgements_of(topics: Sequence[AskedTopic]) -> Acknowledgements:
    """Of the partitions that have any."""
    return {
        TopicIdPartition(topic.topic_id or uuid.UUID(int=0), asked.partition_index): [
            Acknowledgement(batch.first_offset, batch.last_offset, batch.acknowledge_types)
            for batch in asked.acknowledgement_batches
        ]
        for topic in topics
        for asked in topic.partitions
        if asked.acknowledgement_batches
    }


@dataclass(slots=True)
class Acknowledged:
    """What became of a request's acknowledgements."""

    errors: dict[TopicIdPartition, ApiError | None] = field(default_factory=dict)

    async def settle(self, delivery: ShareDelivery) -> None:
        """Wait until what was accepted is durable."""
        if not self.errors:
            return
        try:
            await delivery.settled()
        except ApiError as failure:
            self.errors = {place: error or failure for place, error in self.errors.items()}


async def acknowledge(node: Node, group_id: str, member_id: str, acknowledgements: Acknowledgements) -> Acknowledged:
    delivery = node.shares.delivery
    outcome = Acknowledged()
    async for asked, batches in node.turns.each(acknowledgements.items()):
        outcome.errors[asked] = None
        try:
            delivery.acknowledge(Place(group_id, *asked), member_id, batches)
        except ApiError as error:
            outcome.errors[asked] = error
    return outcome


@handles(ShareAcknowledgeRequest, ShareAcknowledgeResponse)
async def share_acknowledge(
    node: Node, request: ShareAcknowledgeRequest, context: RequestContext
) -> ShareAcknowledgeResponse:
    service = node.shares
    try:
        group_id, member_id = _in_session(service, request, node.partitions.now_ms())
    except ApiError as error:
        return _answer(service, request, Acknowledged(), error)
    outcome = await acknowledge(node, group_id, member_id, acknowledgements_of(request.topics))
    if request.share_session_epoch == FINAL_EPOCH:
        service.end_session(group_id, member_id)
    await outcome.settle(service.delivery)
    return _answer(service, request, outcome)


def _in_session(service: ShareGroupService, request: ShareAcknowledgeRequest, now_ms: int) -> tuple[str, str]:
    """Group and member. Raises ApiError: INVALID_REQUEST, INVALID_SHARE_SESSION_EPOCH, SHARE_SESSION_NOT_FOUND."""
    if not request.group_id or not request.member_id:
        raise ApiError(ErrorCode.invalid_request, "an acknowledgement names a group and a member")
    if request.share_session_epoch == OPENING_EPOCH:
        raise ApiError(ErrorCode.invalid_share_session_epoch, "an acknowledgement opens no share session")
    service.sessions.next(request.group_id, request.member_id, request.share_session_epoch, now_ms)
    return request.group_id, request.member_id


def _answer(
    service: ShareGroupService,
    request: ShareAcknowledgeRequest,
    outcome: Acknowledged,
    error: ApiError | None = None,
) -> ShareAcknowledgeResponse:
    topics: dict[uuid.UUID, list[PartitionData]] = {}
    for place, refused in outcome.errors.items():
        topics.setdefault(place.topic_id, []).append(_partition(place.partition, refused))
    return ShareAcknowledgeResponse(
        throttle_time=NO_THROTTLE,
        error_code=ErrorCode.none if error is None else error.code,
        error_message=None if error is None else str(error),
        acquisition_lock_timeout=duration(service.limits(request.group_id or "").record_lock_duration_ms),
        responses=tuple(
            ShareAcknowledgeTopicResponse(topic_id=topic_id, partitions=tuple(partitions))
            for topic_id, partitions in topics.items()
        ),
        node_endpoints=(),
    )


def _partition(partition: int, refused: ApiError | None) -> PartitionData:
    return PartitionData(
        partition_index=i32(partition),
        error_code=ErrorCode.none if refused is None else refused.code,
        error_message=None if refused is None else str(refused),
        current_leader=LeaderIdAndEpoch(leader_id=i32(NODE_ID), leader_epoch=i32(0)),
    )
