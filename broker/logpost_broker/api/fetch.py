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
from collections.abc import Awaitable, Generator, Mapping, Sequence
from datetime import timedelta
from itertools import islice

from kio.schema.errors import ErrorCode
from kio.schema.fetch.v18.request import FetchPartition, FetchRequest
from kio.schema.fetch.v18.response import FetchableTopicResponse, FetchResponse, PartitionData
from kio.static.primitive import i32

from logpost_broker.api.fetch_reading import MAX_RESPONSE_BYTES, Reading, Scope, read
from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.errors import ApiError
from logpost_broker.fetch_sessions import (
    FINAL_EPOCH,
    INITIAL_EPOCH,
    NO_SESSION,
    FetchedPartition,
    FetchSession,
    FetchSessions,
    Key,
)
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.node import Node
from logpost_broker.steps import at_once, in_parts
from logpost_broker.wire.units import NO_THROTTLE, milliseconds

TOPIC_IDS_SINCE = 13
"""The first version that names topics by their ids."""
NO_WAIT = timedelta()
TOLD_AT_ONCE = 1_000
"""Partitions that are asked for, or told of, in less than a step's time."""


@handles(FetchRequest, FetchResponse, large_answers=True)
def fetch(
    node: Node, request: FetchRequest, context: RequestContext
) -> FetchResponse | Awaitable[FetchResponse | None]:
    try:
        reading = node.turns.begin(_first(node, request, by_topic_id=context.version >= TOPIC_IDS_SINCE))
    except ApiError as error:
        return _answer((), error.code)
    if not isinstance(reading, Reading):
        # A coroutine: its answer is written in a thread.
        return WideFetch(node, request, context).answer(reading)
    if _missing_bytes(reading) <= 0 or request.max_wait <= NO_WAIT or node.partitions.is_stopping:
        return at_once(_respond(node, reading))
    return ParkedFetch(node, reading, context).answer


def _missing_bytes(reading: Reading) -> int:
    """What the answer still waits for. As in Kafka, for no more than an answer may have."""
    if reading.failed or not reading.logs:
        return 0
    request = reading.scope.request
    return min(request.min_bytes, max(request.max_bytes, 1), MAX_RESPONSE_BYTES) - reading.total_bytes


def _first(node: Node, request: FetchRequest, *, by_topic_id: bool) -> Generator[None, None, Reading]:
    """Raises ApiError as FetchSessions.resume."""
    scope = yield from _scope(node, request, by_topic_id=by_topic_id)
    return (yield from read(node, scope))


def _scope(node: Node, request: FetchRequest, *, by_topic_id: bool) -> Generator[None, None, Scope]:
    """Raises ApiError as FetchSessions.resume."""
    sessions, now_ms = node.fetch_sessions, node.partitions.now_ms()
    session: FetchSession | None = None
    is_full = request.session_epoch in (INITIAL_EPOCH, FINAL_EPOCH)
    if not is_full:
        session = sessions.resume(request.session_id, request.session_epoch, by_topic_id=by_topic_id, now_ms=now_ms)
    asked: dict[Key, FetchPartition] = {}
    for topic in request.topics:
        for each in topic.partitions:
            asked[topic.topic_id, each.partition] = each
            if not len(asked) % TOLD_AT_ONCE:
                yield
    if is_full:
        sessions.close(request.session_id)
        if request.session_epoch == INITIAL_EPOCH:
            first = dict(islice(asked.items(), TOLD_AT_ONCE))
            session = sessions.open(first, by_topic_id=by_topic_id, now_ms=now_ms, size=len(asked))
    if session is None:
        alone = yield from _alone(asked)
        return Scope(request=request, partitions=alone, session=None, session_epoch=FINAL_EPOCH, is_full=True)
    epoch = session.epoch
    yield from _updated(sessions, session, asked, request)
    if not session.partitions:
        sessions.close(session.id)
    return Scope(
        request=request,
        partitions=session.partitions,
        session=session if session.partitions else None,
        session_epoch=epoch,
        is_full=is_full or not session.partitions,
    )


def _alone(asked: Mapping[Key, FetchPartition]) -> Generator[None, None, dict[Key, FetchedPartition]]:
    """Of a request without a session."""
    alone: dict[Key, FetchedPartition] = {}
    for key, partition in asked.items():
        alone[key] = FetchedPartition(key[0], partition)
        if not len(alone) % TOLD_AT_ONCE:
            yield
    return alone


def _updated(
    sessions: FetchSessions, session: FetchSession, asked: Mapping[Key, FetchPartition], request: FetchRequest
) -> Generator[None, None, None]:
    """Closes the session where it is too large now."""
    if len(asked) > TOLD_AT_ONCE:
        for some in in_parts([*asked.items()], TOLD_AT_ONCE):
            sessions.update(session, dict(some), ())
            yield
        asked = {}
    is_full = request.session_epoch in (INITIAL_EPOCH, FINAL_EPOCH)
    forgotten = () if is_full else request.forgotten_topics_data
    gone = [(topic.topic_id, partition) for topic in forgotten for partition in topic.partitions]
    sessions.update(session, asked, gone)


class ParkedFetch:
    """A fetch that waits for bytes: woken by the logs it asked for, and by no others.

    It keeps none of the records that it found: they are read again when it is answered. Many that are woken by one
    batch are answered in turns, so that what some are told has left before others read."""

    def __init__(self, node: Node, reading: Reading, context: RequestContext) -> None:
        loop = asyncio.get_running_loop()
        self._node = node
        self._scope = reading.scope
        self._logs = reading.logs
        self._context = context
        self._missing_bytes = _missing_bytes(reading)
        self._is_in_line = self._is_over = False
        wait_ms = milliseconds(reading.scope.request.max_wait)
        self._deadline = loop.call_later(wait_ms / 1000, self.release)
        self.answer: asyncio.Future[FetchResponse] = loop.create_future()
        for log in self._logs:
            log.watchers.add(self._shown)
        node.partitions.parked.add(self)
        context.connection.when_lost(ParkedFetch, self.release)

    def _shown(self, added_bytes: int) -> None:
        self._missing_bytes -= added_bytes
        if self._missing_bytes <= 0:
            self._stand_in_line()

    def release(self) -> None:
        """Answer with what there is then, or nobody where the client has gone."""
        self._is_over = True
        self._stand_in_line()

    def _stand_in_line(self) -> None:
        if not self._is_in_line:
            self._is_in_line = True
            self._node.turns.stand_in_line(self._look)

    def _look(self) -> None:
        self._is_in_line = False
        if self.answer.done():
            return
        if self._context.connection.closed:
            self._leave()
            self.answer.cancel()
            return
        reading = at_once(read(self._node, self._scope))
        # Records behind an open transaction are no news to a reader of committed ones.
        self._missing_bytes = _missing_bytes(reading)
        if self._is_over or self._missing_bytes <= 0:
            self._leave()
            self.answer.set_result(at_once(_respond(self._node, reading)))

    def _leave(self) -> None:
        """Nothing wakes it any more."""
        self._deadline.cancel()
        for log in self._logs:
            log.watchers.discard(self._shown)
        self._node.partitions.parked.discard(self)


class WideFetch:
    """A fetch of so many partitions that one step is not enough to read them: where it has to wait, it is read again in
    steps, once for all that came meanwhile."""

    def __init__(self, node: Node, request: FetchRequest, context: RequestContext) -> None:
        self._node = node
        self._request = request
        self._context = context
        self._missing_bytes = 0
        self._woken = asyncio.Event()
        self._is_over = False
        self._logs: list[PartitionLog] = []
        self._watcher = self._shown

    async def answer(self, first: Awaitable[Reading]) -> FetchResponse | None:
        """None where nobody waits for it any more."""
        loop = asyncio.get_running_loop()
        deadline = loop.call_later(milliseconds(self._request.max_wait) / 1000, self.release)
        self._node.partitions.parked.add(self)
        self._context.connection.when_lost(WideFetch, self.release)
        try:
            reading = await self._enough(first)
        except ApiError as error:
            return _answer((), error.code)
        finally:
            deadline.cancel()
            self._node.partitions.parked.discard(self)
            for log in self._logs:
                log.watchers.discard(self._watcher)
        if self._context.connection.closed:
            return None
        return await self._node.turns.run(_respond(self._node, reading))

    async def _enough(self, first: Awaitable[Reading]) -> Reading:
        reading = await first
        while not self._is_enough(reading):
            scope, logs = reading.scope, reading.logs
            del reading  # its records would be kept as long as the client waits
            if self._logs:
                await self._woken.wait()
            else:  # what came since a log was read has woken nobody: they are all read once more at once
                self._watch(logs)
            self._woken.clear()
            reading = await self._node.turns.run(read(self._node, scope))
        return reading

    def _is_enough(self, reading: Reading) -> bool:
        self._missing_bytes = _missing_bytes(reading)
        is_over = self._is_over or self._request.max_wait <= NO_WAIT or self._node.partitions.is_stopping
        return is_over or self._missing_bytes <= 0

    def _watch(self, logs: list[PartitionLog]) -> None:
        self._logs = logs
        for log in logs:
            log.watchers.add(self._watcher)

    def _shown(self, added_bytes: int) -> None:
        self._missing_bytes -= added_bytes
        if self._missing_bytes <= 0:
            self._woken.set()

    def release(self) -> None:
        """Answer with what there is now."""
        self._is_over = True
        self._woken.set()


def _respond(node: Node, reading: Reading) -> Generator[None, None, FetchResponse]:
    scope, session = reading.scope, reading.scope.session
    if session is not None and session.epoch != scope.session_epoch:
        return _answer((), ErrorCode.invalid_fetch_session_epoch, session.id)
    if session is not None and _lost_a_name(node, session, reading):
        node.fetch_sessions.close(session.id)
        if not scope.is_full:
            return _answer((), ErrorCode.fetch_session_id_not_found)
        session = None
    told: dict[uuid.UUID | None, list[PartitionData]] = {}
    for number, (partition, data) in enumerate(reading.found):
        if not number % TOLD_AT_ONCE:
            yield
        if partition.is_news(data) or scope.is_full:
            told.setdefault(partition.topic_id, []).append(data)
    if session is not None:
        session.read_last([(each.topic_id, each.asked.partition) for each, data in reading.found if data.records])
    node.partitions.metrics.batches.fetched_bytes.inc(reading.total_bytes)
    topics = [FetchableTopicResponse(topic_id=id_, partitions=tuple(partitions)) for id_, partitions in told.items()]
    return _answer(topics, ErrorCode.none, NO_SESSION if session is None else session.id)


def _lost_a_name(node: Node, session: FetchSession, reading: Reading) -> bool:
    """Whether a client that knows names only would be told of a topic that has none any more, or not yet."""
    if session.by_topic_id:
        return False
    return any(node.partitions.topics.by_id(partition.topic_id) is None for partition, _ in reading.found)


def _answer(topics: Sequence[FetchableTopicResponse], error: ErrorCode, session_id: int = NO_SESSION) -> FetchResponse:
    return FetchResponse(
        throttle_time=NO_THROTTLE,
        error_code=error,
        session_id=i32(session_id),
        responses=tuple(topics),
        node_endpoints=(),
    )
