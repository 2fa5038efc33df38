"""Fetch (1), versions 4 to 18.

- v4: isolation level. v5: log start offset. v7: fetch sessions. v9: leader epoch. v10: zstd. v11: rack. v12: flexible
- v13: topics by id. v15: replica state. v16: node endpoints. v17, v18: fields of followers

A fetch that finds less than `min_bytes` is parked until the high watermarks of its own partitions moved by what is
missing, or `max_wait` is over. Sessions (KIP-227) are declined by answering session id 0: the client then names all its
partitions each time. Both isolation levels see the same, because there are no transactions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from kio.schema.errors import ErrorCode
from kio.schema.fetch.v18.request import FetchPartition, FetchRequest
from kio.schema.fetch.v18.response import FetchableTopicResponse, FetchResponse, PartitionData
from kio.static.primitive import Records, i32, i64

from logpost_broker.errors import ApiError
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.node import Node
from logpost_broker.topics import Topic
from logpost_broker.wire.registry import RequestContext, handles
from logpost_broker.wire.units import NO_THROTTLE, milliseconds

MAX_RESPONSE_BYTES = 16 * 1024 * 1024
"""Kafka's `fetch.max.bytes`: no answer is larger, but for one batch. It bounds what a slow reader costs."""
NO_SESSION = i32(0)
INITIAL_EPOCH, FINAL_EPOCH = 0, -1
NO_EPOCH = -1
UNKNOWN = i64(-1)


@dataclass(slots=True)
class Reading:
    """What one pass over the partitions of a request found."""

    request: FetchRequest
    response: FetchResponse
    logs: list[PartitionLog]
    """Whose high watermark is worth waiting for."""
    total_bytes: int
    failed: bool
    """Some partition has an error, which the client should learn at once."""


@handles(FetchRequest, FetchResponse, large_answers=True)
def fetch(node: Node, request: FetchRequest, context: RequestContext) -> FetchResponse | asyncio.Future[FetchResponse]:
    if request.session_id != NO_SESSION and request.session_epoch not in (INITIAL_EPOCH, FINAL_EPOCH):
        return _answer((), ErrorCode.fetch_session_id_not_found)
    reading = _read(node, request)
    missing = request.min_bytes - reading.total_bytes
    wait_ms = milliseconds(request.max_wait)
    if missing <= 0 or wait_ms <= 0 or reading.failed or not reading.logs or node.is_stopping:
        node.metrics.fetched_bytes.inc(reading.total_bytes)
        return reading.response
    return ParkedFetch(node, reading, context, missing, wait_ms).answer


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
        if self._missing_bytes <= 0:
            self.release()

    def release(self) -> None:
        """Answer with what there is now."""
        self._deadline.cancel()
        for log in self._reading.logs:
            log.watchers.discard(self._shown)
        self._node.parked.discard(self)
        if self.answer.done():
            return
        if self._context.connection.closed:
            self.answer.cancel()
            return
        reading = _read(self._node, self._reading.request)
        self._node.metrics.fetched_bytes.inc(reading.total_bytes)
        self.answer.set_result(reading.response)


def _read(node: Node, request: FetchRequest) -> Reading:
    room = min(request.max_bytes, MAX_RESPONSE_BYTES)
    topics = []
    logs: list[PartitionLog] = []
    total_bytes = 0
    failed = False
    for asked_topic in request.topics:
        partitions = []
        topic = node.topics.by_id(asked_topic.topic_id)
        for asked in asked_topic.partitions:
            try:
                log, data = _read_partition(node, topic, asked, room - total_bytes, is_first=not total_bytes)
            except ApiError as error:
                failed = True
                partitions.append(_refused(asked, error))
                continue
            logs.append(log)
            total_bytes += len(data.records or b"")
            partitions.append(data)
        topics.append(FetchableTopicResponse(topic_id=asked_topic.topic_id, partitions=tuple(partitions)))
    return Reading(request, _answer(topics, ErrorCode.none), logs, total_bytes, failed)


def _read_partition(
    node: Node, topic: Topic | None, asked: FetchPartition, room: int, *, is_first: bool
) -> tuple[PartitionLog, PartitionData]:
    """Raises ApiError. Only the first data of an answer may be larger than asked: one whole batch."""
    if topic is None:
        raise ApiError(ErrorCode.unknown_topic_id)
    log = node.log(topic, asked.partition)
    _check_epoch(log, asked.current_leader_epoch)
    limit = min(asked.partition_max_bytes, room)
    records = log.read(asked.fetch_offset, limit, whole_first=is_first)
    return log, PartitionData(
        partition_index=asked.partition,
        error_code=ErrorCode.none,
        high_watermark=i64(log.high_watermark),
        last_stable_offset=i64(log.high_watermark),
        log_start_offset=i64(log.log_start_offset),
        aborted_transactions=None,
        records=Records(records),
    )


def _check_epoch(log: PartitionLog, epoch: int) -> None:
    """A client that knows another leader epoch has to ask for metadata first (KIP-320)."""
    if epoch == NO_EPOCH or epoch == log.leader_epoch:
        return
    older = epoch < log.leader_epoch
    raise ApiError(ErrorCode.fenced_leader_epoch if older else ErrorCode.unknown_leader_epoch)


def _refused(asked: FetchPartition, error: ApiError) -> PartitionData:
    return PartitionData(
        partition_index=asked.partition,
        error_code=error.code,
        high_watermark=UNKNOWN,
        aborted_transactions=None,
        records=Records(b""),
    )


def _answer(topics: Sequence[FetchableTopicResponse], error: ErrorCode) -> FetchResponse:
    return FetchResponse(
        throttle_time=NO_THROTTLE,
        error_code=error,
        session_id=NO_SESSION,
        responses=tuple(topics),
        node_endpoints=(),
    )
