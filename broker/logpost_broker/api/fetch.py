"""Fetch (1), versions 4 to 18.

- v4: isolation level. v5: log start offset. v7: fetch sessions. v9: leader epoch. v10: zstd. v11: rack. v12: flexible
- v13: topics by id. v15: replica state. v16: node endpoints. v17, v18: fields of followers

A fetch that finds less than `min_bytes` is parked until the high watermarks of its own partitions moved by what is
missing and it can be read, or `max_wait` is over. What a session (KIP-227) answers is decided in `fetch_sessions.py`; a
session whose client names its topics ends when one of them is gone, because an id has no name then. A client that wants
committed records is answered up to the last stable offset, with the aborted transactions that it has to pass over.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kio.schema.errors import ErrorCode
from kio.schema.fetch.v18.request import FetchPartition, FetchRequest
from kio.schema.fetch.v18.response import (
    AbortedTransaction,
    EpochEndOffset,
    FetchableTopicResponse,
    FetchResponse,
    PartitionData,
)
from kio.schema.types import ProducerId
from kio.static.primitive import Records, i32, i64

from logpost_broker.errors import ApiError
from logpost_broker.fetch_sessions import (
    FINAL_EPOCH,
    INITIAL_EPOCH,
    NO_SESSION,
    FetchedPartition,
    FetchSession,
    Key,
)
from logpost_broker.log.leader_epochs import EpochEnd
from logpost_broker.log.partition_log import NO_EPOCH, PartitionLog
from logpost_broker.node import Node
from logpost_broker.topics import Topic
from logpost_broker.wire.registry import RequestContext, handles
from logpost_broker.wire.units import NO_THROTTLE, milliseconds

MAX_RESPONSE_BYTES = 16 * 1024 * 1024
"""Kafka's `fetch.max.bytes`: no answer is larger, but for one batch. It bounds what a slow reader costs."""
MIN_RESPONSE_BYTES = 1024 * 1024
"""An answer may be so large however many clients do not read theirs."""
TOPIC_IDS_SINCE = 13
"""The first version that names topics by their ids."""
UNKNOWN = i64(-1)
READ_COMMITTED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which partitions a request is about."""

    request: FetchRequest
    partitions: Mapping[Key, FetchedPartition]
    session: FetchSession | None
    session_epoch: int
    """Where the session was when the request came."""
    is_full: bool
    """The client named all its partitions, and is told of all."""


@dataclass(slots=True)
class Reading:
    """What one pass over the partitions of a request found."""

    scope: Scope
    found: list[tuple[FetchedPartition, PartitionData]]
    logs: list[PartitionLog]
    """Whose high watermark is worth waiting for."""
    total_bytes: int
    failed: bool
    """Some partition has an error, or diverges, which the client should learn at once."""


@handles(FetchRequest, FetchResponse, large_answers=True)
def fetch(node: Node, request: FetchRequest, context: RequestContext) -> FetchResponse | asyncio.Future[FetchResponse]:
    try:
        scope = _scope(node, request, by_topic_id=context.version >= TOPIC_IDS_SINCE)
    except ApiError as error:
        return _answer((), error.code)
    reading = _read(node, scope)
    missing = request.min_bytes - reading.total_bytes
    wait_ms = milliseconds(request.max_wait)
    if missing <= 0 or wait_ms <= 0 or reading.failed or not reading.logs or node.is_stopping:
        return _respond(node, reading)
    return ParkedFetch(node, reading, context, missing, wait_ms).answer


def _scope(node: Node, request: FetchRequest, *, by_topic_id: bool) -> Scope:
    """Raises ApiError as FetchSessions.resume."""
    sessions, now_ms = node.fetch_sessions, node.now_ms()
    asked: dict[Key, FetchPartition] = {
        (topic.topic_id, asked.partition): asked for topic in request.topics for asked in topic.partitions
    }
    session: FetchSession | None = None
    is_full = request.session_epoch in (INITIAL_EPOCH, FINAL_EPOCH)
    if is_full:
        sessions.close(request.session_id)
        if request.session_epoch == INITIAL_EPOCH:
            session = sessions.open(asked, by_topic_id=by_topic_id, now_ms=now_ms)
    else:
        session = sessions.resume(request.session_id, request.session_epoch, by_topic_id=by_topic_id, now_ms=now_ms)
        forgotten = request.forgotten_topics_data
        session.update(asked, [(topic.topic_id, partition) for topic in forgotten for partition in topic.partitions])
        if not session.partitions:
            sessions.close(session.id)
            session = None
    if session is None:
        alone = {key: FetchedPartition(key[0], partition) for key, partition in asked.items()}
        return Scope(request=request, partitions=alone, session=None, session_epoch=FINAL_EPOCH, is_full=True)
    return Scope(
        request=request,
        partitions=session.partitions,
        session=session,
        session_epoch=session.epoch,
        is_full=is_full,
    )


class ParkedFetch:
    """A fetch that waits for bytes: woken by the logs it asked for, and by no others."""

    def __init__(self, node: Node, reading: Reading, context: RequestContext, missing_bytes: int, wait_ms: int) -> None:
        loop = asyncio.get_running_loop()
        self._node = node
        self._reading = reading
        self._context = context
        self._missing_bytes = missing_bytes
        self._deadline = loop.call_later(wait_ms / 1000, self.release)
        self.answer: asyncio.Future[FetchResponse] = loop.create_future()
        for log in reading.logs:
            log.watchers.add(self._shown)
        node.parked.add(self)

    def _shown(self, added_bytes: int) -> None:
        self._missing_bytes -= added_bytes
        if self._missing_bytes > 0:
            return
        reading = _read(self._node, self._reading.scope)
        # Records behind an open transaction are no news to who reads committed ones.
        self._missing_bytes = reading.scope.request.min_bytes - reading.total_bytes
        if self._missing_bytes <= 0 or reading.failed:
            self._answer(reading)

    def release(self) -> None:
        """Answer with what there is now."""
        self._answer(_read(self._node, self._reading.scope))

    def _answer(self, reading: Reading) -> None:
        self._deadline.cancel()
        for log in self._reading.logs:
            log.watchers.discard(self._shown)
        self._node.parked.discard(self)
        if self.answer.done():
            return
        if self._context.connection.closed:
            self.answer.cancel()
            return
        self.answer.set_result(_respond(self._node, reading))


def _read(node: Node, scope: Scope) -> Reading:
    room = min(scope.request.max_bytes, MAX_RESPONSE_BYTES, max(MIN_RESPONSE_BYTES, node.unsent.left_bytes // 8))
    reading = Reading(scope, found=[], logs=[], total_bytes=0, failed=False)
    for partition in scope.partitions.values():
        if partition.quiet_log is not None and partition.is_quiet() and not scope.is_full:
            reading.logs.append(partition.quiet_log)
            continue
        topic = node.topics.by_id(partition.topic_id)
        is_first = not reading.total_bytes
        try:
            log, data = _read_partition(
                node,
                topic,
                partition.asked,
                scope.request.isolation_level,
                room - reading.total_bytes,
                is_first=is_first,
            )
        except ApiError as error:
            reading.failed = True
            reading.found.append((partition, _refused(partition.asked, error)))
            continue
        reading.logs.append(log)
        reading.failed |= data.diverging_epoch.epoch >= 0
        reading.total_bytes += len(data.records or b"")
        reading.found.append((partition, data))
        partition.quiet_log = log if partition.asked.fetch_offset >= data.high_watermark else None
    return reading


def _respond(node: Node, reading: Reading) -> FetchResponse:
    scope, session = reading.scope, reading.scope.session
    if session is not None and session.epoch != scope.session_epoch:
        return _answer((), ErrorCode.invalid_fetch_session_epoch, session.id)
    if session is not None and _lost_a_name(node, session, reading):
        node.fetch_sessions.close(session.id)
        if not scope.is_full:
            return _answer((), ErrorCode.fetch_session_id_not_found)
        session = None
    told: dict[uuid.UUID | None, list[PartitionData]] = {}
    for partition, data in reading.found:
        if partition.is_news(data) or scope.is_full:
            told.setdefault(partition.topic_id, []).append(data)
    if session is not None:
        session.read_last([(each.topic_id, each.asked.partition) for each, data in reading.found if data.records])
    node.metrics.fetched_bytes.inc(reading.total_bytes)
    topics = [FetchableTopicResponse(topic_id=id_, partitions=tuple(partitions)) for id_, partitions in told.items()]
    return _answer(topics, ErrorCode.none, NO_SESSION if session is None else session.id)


def _lost_a_name(node: Node, session: FetchSession, reading: Reading) -> bool:
    """Whether a client that knows names only would be told of a topic that has none any more, or not yet."""
    if session.by_topic_id:
        return False
    return any(node.topics.by_id(partition.topic_id) is None for partition, _ in reading.found)


def _read_partition(
    node: Node, topic: Topic | None, asked: FetchPartition, isolation_level: int, room: int, *, is_first: bool
) -> tuple[PartitionLog, PartitionData]:
    """Raises ApiError. Only the first data of an answer may be larger than asked: one whole batch."""
    if topic is None:
        raise ApiError(ErrorCode.unknown_topic_id)
    log = node.log(topic, asked.partition)
    log.require_epoch(asked.current_leader_epoch)
    diverging = _diverging(log, asked)
    if diverging is not None:
        return log, _parted(log, asked, diverging)
    limit = min(asked.partition_max_bytes, room)
    aborted = None
    if isolation_level == READ_COMMITTED:
        records, passed_over = log.read_committed(asked.fetch_offset, limit, whole_first=is_first)
        aborted = tuple(
            AbortedTransaction(producer_id=ProducerId(each.producer_id), first_offset=i64(each.first_offset))
            for each in passed_over
        )
    else:
        records = log.read(asked.fetch_offset, limit, whole_first=is_first)
    return log, PartitionData(
        partition_index=asked.partition,
        error_code=ErrorCode.none,
        high_watermark=i64(log.high_watermark),
        last_stable_offset=i64(log.last_stable_offset),
        log_start_offset=i64(log.log_start_offset),
        aborted_transactions=aborted,
        records=Records(records),
    )


def _diverging(log: PartitionLog, asked: FetchPartition) -> EpochEnd | None:
    """Where the client's log and this one part: its last record's epoch ended here below the offset that it wants
    (KIP-595). Raises ApiError OFFSET_OUT_OF_RANGE for an epoch of the future."""
    if asked.last_fetched_epoch == NO_EPOCH:
        return None
    log.require_online()
    end = log.epochs.end_of(asked.last_fetched_epoch, log.next_offset)
    if end is None or asked.fetch_offset < log.log_start_offset:
        raise ApiError(ErrorCode.offset_out_of_range)
    return end if end.epoch < asked.last_fetched_epoch or end.end_offset < asked.fetch_offset else None


def _parted(log: PartitionLog, asked: FetchPartition, end: EpochEnd) -> PartitionData:
    return PartitionData(
        partition_index=asked.partition,
        error_code=ErrorCode.none,
        high_watermark=i64(log.high_watermark),
        last_stable_offset=i64(log.last_stable_offset),
        log_start_offset=i64(log.log_start_offset),
        diverging_epoch=EpochEndOffset(epoch=i32(end.epoch), end_offset=i64(end.end_offset)),
        aborted_transactions=None,
        records=Records(b""),
    )


def _refused(asked: FetchPartition, error: ApiError) -> PartitionData:
    return PartitionData(
        partition_index=asked.partition,
        error_code=error.code,
        high_watermark=UNKNOWN,
        aborted_transactions=None,
        records=Records(b""),
    )


def _answer(topics: Sequence[FetchableTopicResponse], error: ErrorCode, session_id: int = NO_SESSION) -> FetchResponse:
    return FetchResponse(
        throttle_time=NO_THROTTLE,
        error_code=error,
        session_id=i32(session_id),
        responses=tuple(topics),
        node_endpoints=(),
    )
