"""ShareFetch (78): acquire records, and acknowledge others on the way (KIP-932).

- v1: share sessions, `max_records`. v2: strict `max_records` (KIP-1206), locks that are renewed (KIP-1222)

Answers hold whole batches and say which of their records the member has acquired. `batch_size` is a hint for brokers
that keep a state per batch, which this one does not. A fetch that acquires nothing waits for records, up to `max_wait`.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from kio.schema.errors import ErrorCode
from kio.schema.share_fetch.v2.request import ShareFetchRequest
from kio.schema.share_fetch.v2.response import (
    AcquiredRecords,
    LeaderIdAndEpoch,
    PartitionData,
    ShareFetchableTopicResponse,
    ShareFetchResponse,
)
from kio.static.primitive import Records, i16, i32, i64

from logpost_broker.api.fetch_reading import MAX_RESPONSE_BYTES
from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.api.share_acknowledge import Acknowledged, acknowledge, acknowledgements_of
from logpost_broker.errors import ApiError, without_traces
from logpost_broker.groups.share.delivery import NOTHING, Fetched, FetchLimits
from logpost_broker.groups.share.events import Place
from logpost_broker.groups.share.sessions import FINAL_EPOCH, OPENING_EPOCH, ShareSession, TopicIdPartition, update
from logpost_broker.groups.share.waiting import RecordsWait
from logpost_broker.groups.share_service import ShareGroupService
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.metadata.ids import NODE_ID
from logpost_broker.node import Node
from logpost_broker.steps import in_parts
from logpost_broker.turns import STEP_SECONDS
from logpost_broker.wire.units import NO_THROTTLE, duration, milliseconds

NAMED_AT_ONCE = 1_000
RECORD_LIMIT = 1
"""The acquire mode that never gives more than `max_records`."""


@dataclass(slots=True)
class Found:
    """What one pass over the partitions of a session acquired."""

    fetched: dict[TopicIdPartition, Fetched] = field(default_factory=dict)
    errors: dict[TopicIdPartition, ApiError] = field(default_factory=dict)
    logs: dict[Place, PartitionLog] = field(default_factory=dict)
    """Whose records are worth waiting for."""
    in_steps: bool = False
    """Others may have been served meanwhile."""


@handles(ShareFetchRequest, ShareFetchResponse, large_answers=True)
async def share_fetch(node: Node, request: ShareFetchRequest, context: RequestContext) -> ShareFetchResponse | None:
    service = node.shares
    try:
        session = _session(service, request, node.partitions.now_ms())
        if request.share_session_epoch == OPENING_EPOCH:
            place = _group(request), _member(request)
            context.connection.when_lost(place, partial(service.lose_session, *place, session))
    except ApiError as error:
        return _answer(service, request, (), error)
    await node.turns.run(_updated(session, request))
    acknowledged = await acknowledge(node, _group(request), _member(request), acknowledgements_of(request.topics))
    if request.share_session_epoch == FINAL_EPOCH:
        service.end_session(_group(request), _member(request))
        found = Found()
    else:
        found = await _acquire(node, request, session, context)
    if context.connection.closed:
        return None
    await acknowledged.settle(service.delivery)
    shown = session.partitions if request.share_session_epoch == OPENING_EPOCH else ()
    return _answer(service, request, await _topics(node, found, acknowledged, shown))


def _group(request: ShareFetchRequest) -> str:
    return request.group_id or ""


def _member(request: ShareFetchRequest) -> str:
    return request.member_id or ""


def _session(service: ShareGroupService, request: ShareFetchRequest, now_ms: int) -> ShareSession:
    """Raises ApiError: INVALID_REQUEST, and as ShareSessions."""
    if not request.group_id or not request.member_id:
        raise ApiError(ErrorCode.invalid_request, "a share fetch names a group and a member")
    if request.share_session_epoch != OPENING_EPOCH:
        return service.sessions.next(request.group_id, request.member_id, request.share_session_epoch, now_ms)
    if acknowledgements_of(request.topics):
        raise ApiError(ErrorCode.invalid_request, "nothing is acquired yet in a share session that begins")
    service.end_session(request.group_id, request.member_id)
    return service.sessions.open(request.group_id, request.member_id, now_ms)


def _updated(session: ShareSession, request: ShareFetchRequest) -> Generator[None, None, None]:
    for topic in request.topics:
        for asked in in_parts(topic.partitions, NAMED_AT_ONCE):
            if topic.topic_id is not None:
                update(session, [TopicIdPartition(topic.topic_id, each.partition_index) for each in asked], ())
            yield
    for forgotten in request.forgotten_topics_data:
        for numbers in in_parts(forgotten.partitions, NAMED_AT_ONCE):
            if forgotten.topic_id is not None:
                update(session, (), [TopicIdPartition(forgotten.topic_id, number) for number in numbers])
            yield


async def _acquire(node: Node, request: ShareFetchRequest, session: ShareSession, context: RequestContext) -> Found:
    """Wait where there is nothing, as long as the client says."""
    delivery = node.shares.delivery
    loop = asyncio.get_running_loop()
    deadline = loop.time() + milliseconds(request.max_wait) / 1000
    errors = await _begin(node, request, session)

    def is_enough(found: Found) -> bool:
        is_over = loop.time() >= deadline or node.partitions.is_stopping or context.connection.closed
        return bool(found.fetched or found.errors) or not found.logs or is_over

    while not is_enough(found := await _look(node, request, session, errors, context)):
        with RecordsWait(node.partitions, delivery, found.logs) as wait:
            # What came since the first step has woken nobody.
            if found.in_steps and is_enough(found := await _look(node, request, session, errors, context)):
                break
            await wait.until(deadline)
    return found


async def _begin(node: Node, request: ShareFetchRequest, session: ShareSession) -> dict[TopicIdPartition, ApiError]:
    """Begin with what the group has not read before, and only then acquire: a member that goes meanwhile has nothing.
    Answers what cannot be read."""
    delivery = node.shares.delivery
    errors = {}
    async for asked in node.turns.each(tuple(session.partitions)):
        try:
            await delivery.begin_if_new(Place(_group(request), *asked))
        except ApiError as error:
            errors[asked] = without_traces(error)
    return errors


async def _look(
    node: Node,
    request: ShareFetchRequest,
    session: ShareSession,
    errors: Mapping[TopicIdPartition, ApiError],
    context: RequestContext,
) -> Found:
    """Acquires nothing for a client that is gone."""
    delivery = node.shares.delivery
    found = Found(errors=dict(errors))
    room: int = min(request.max_bytes, MAX_RESPONSE_BYTES)
    records: int = request.max_records
    session.rotate()
    begin = asyncio.get_running_loop().time()
    async for asked in node.turns.each(tuple(session.partitions)):
        if room <= 0 or records <= 0 or context.connection.closed:
            break
        if asked in errors:
            continue
        place = Place(_group(request), *asked)
        limits = FetchLimits(
            max_bytes=room,
            max_records=records,
            strict=request.share_acquire_mode == RECORD_LIMIT,
            whole_first=not found.fetched,
        )
        try:
            found.logs[place] = delivery.log(place)
            fetched = delivery.fetch(place, _member(request), limits)
        except ApiError as error:
            found.errors[asked] = error
            continue
        if fetched.acquired:
            found.fetched[asked] = fetched
            room -= len(fetched.records)
            records -= sum(acquired.last_offset - acquired.first_offset + 1 for acquired in fetched.acquired)
    found.in_steps = asyncio.get_running_loop().time() - begin > STEP_SECONDS
    return found


async def _topics(
    node: Node,
    found: Found,
    acknowledged: Acknowledged,
    shown: Sequence[TopicIdPartition] | dict[TopicIdPartition, None],
) -> list[ShareFetchableTopicResponse]:
    """Partitions with something to say, and in the answer that opens a session all."""
    partitions: dict[uuid.UUID, list[PartitionData]] = {}
    told = dict.fromkeys([*acknowledged.errors, *found.fetched, *found.errors, *shown])
    async for place in node.turns.each(told):
        partitions.setdefault(place.topic_id, []).append(_partition(node, place, found, acknowledged))
    return [ShareFetchableTopicResponse(topic_id=topic_id, partitions=tuple(of)) for topic_id, of in partitions.items()]


def _partition(node: Node, place: TopicIdPartition, found: Found, acknowledged: Acknowledged) -> PartitionData:
    fetched = found.fetched.get(place, NOTHING)
    error = found.errors.get(place)
    refused = acknowledged.errors.get(place)
    node.partitions.metrics.batches.fetched_bytes.inc(len(fetched.records))
    return PartitionData(
        partition_index=i32(place.partition),
        error_code=ErrorCode.none if error is None else error.code,
        error_message=None if error is None else str(error),
        acknowledge_error_code=i16(ErrorCode.none if refused is None else refused.code),
        acknowledge_error_message=None if refused is None else str(refused),
        current_leader=LeaderIdAndEpoch(leader_id=i32(NODE_ID), leader_epoch=i32(0)),
        records=Records(fetched.records),
        acquired_records=tuple(
            AcquiredRecords(
                first_offset=i64(acquired.first_offset),
                last_offset=i64(acquired.last_offset),
                delivery_count=i16(acquired.delivery_count),
            )
            for acquired in fetched.acquired
        ),
    )


def _answer(
    service: ShareGroupService,
    request: ShareFetchRequest,
    topics: Sequence[ShareFetchableTopicResponse],
    error: ApiError | None = None,
) -> ShareFetchResponse:
    return ShareFetchResponse(
        throttle_time=NO_THROTTLE,
        error_code=ErrorCode.none if error is None else error.code,
        error_message=None if error is None else str(error),
        acquisition_lock_timeout=duration(service.limits(_group(request)).record_lock_duration_ms),
        responses=tuple(topics),
        node_endpoints=(),
    )
