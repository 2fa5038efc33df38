"""Produce (0), versions 3 to 13 (0 to 2 are shown and refused: KAFKA-18659).

- v3: record batches v2. v5: log start offset. v7: zstd. v8: error messages. v9: flexible. v10: the current leader
- v12: transactions verified by the broker. v13: topics by id

acks=all is answered when the batches are as safe as `broker.flush` says, acks=1 when they are written, acks=0 never
(a refusal closes the connection then, as in Kafka, so that the client notices). Each partition of a request carries
exactly one batch. Left out: transactions, which InitProducerId refuses.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kio.schema.errors import ErrorCode
from kio.schema.produce.v13.request import PartitionProduceData, ProduceRequest
from kio.schema.produce.v13.response import (
    PartitionProduceResponse,
    ProduceResponse,
    TopicProduceResponse,
)
from kio.static.primitive import i32, i64

from logpost_broker.errors import ApiError, ProtocolError
from logpost_broker.log.batch import TRANSACTIONAL, check_produced
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.node import Node
from logpost_broker.wire.registry import RequestContext, handles
from logpost_broker.wire.units import NO_THROTTLE, instant

ACKS_NONE, ACKS_WRITTEN, ACKS_ALL = 0, 1, -1
NO_OFFSET = i64(-1)


@dataclass(frozen=True, slots=True)
class Written:
    """A batch that is in its log."""

    log: PartitionLog
    base_offset: int
    append_time_ms: int | None
    """Set where the topic is stamped with the broker's time."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one partition's batch."""

    topic_id: uuid.UUID | None
    partition: i32
    result: Written | ApiError


@handles(ProduceRequest, ProduceResponse, advertised_min_version=0)
def produce(
    node: Node, request: ProduceRequest, context: RequestContext
) -> ProduceResponse | asyncio.Future[ProduceResponse] | None:
    outcomes = [
        Outcome(topic.topic_id, data.index, _append(node, request.acks, topic.topic_id, data))
        for topic in request.topic_data
        for data in topic.partition_data
    ]
    logs = list(dict.fromkeys(outcome.result.log for outcome in outcomes if isinstance(outcome.result, Written)))
    if request.acks == ACKS_ALL and logs:
        return _when_durable({log: node.durable(log) for log in logs}, outcomes)
    for log in logs:
        node.flusher.written(log)
    if request.acks != ACKS_NONE:
        return _response(outcomes, {})
    for outcome in outcomes:
        if isinstance(outcome.result, ApiError):
            raise ProtocolError(f"a batch that waits for no answer was refused: {outcome.result}")
    return None


def _append(node: Node, acks: int, topic_id: uuid.UUID | None, data: PartitionProduceData) -> Written | ApiError:
    """Check a partition's batch against its topic and write it."""
    records = data.records or b""
    try:
        if acks not in (ACKS_NONE, ACKS_WRITTEN, ACKS_ALL):
            raise ApiError(ErrorCode.invalid_required_acks)
        topic = node.topic_of(topic_id)
        if topic.internal:
            raise ApiError(ErrorCode.invalid_topic_exception, f"'{topic.name}' is written by the broker itself")
        log = node.log(topic, data.index)
        limit = topic.configs.number("max.message.bytes", node.config)
        if len(records) > limit:
            raise ApiError(ErrorCode.message_too_large, f"a batch of {len(records)} bytes, {topic.name} takes {limit}")
        header = check_produced(records)
        if header.attributes & TRANSACTIONAL:
            raise ApiError(ErrorCode.invalid_txn_state, "this broker has no transactions")
        now_ms = node.now_ms()
        node.admit(len(records), now_ms)
        stamp = topic.configs.text("message.timestamp.type", node.config) == "LogAppendTime"
        appended = log.append(records, header=header, now_ms=now_ms, stamp=stamp)
    except ApiError as error:
        return error
    node.metrics.produced_bytes.inc(len(records))
    return Written(log, appended.base_offset, now_ms if stamp else None)


def _when_durable(
    syncs: Mapping[PartitionLog, asyncio.Future[None]], outcomes: Sequence[Outcome]
) -> asyncio.Future[ProduceResponse]:
    """The answer, when all logs are synced or have failed."""
    answer: asyncio.Future[ProduceResponse] = asyncio.get_running_loop().create_future()
    missing = set(syncs.values())

    def ended(sync: asyncio.Future[None]) -> None:
        missing.discard(sync)
        if not missing and not answer.done():
            answer.set_result(_response(outcomes, {log: sync.exception() for log, sync in syncs.items()}))

    for sync in syncs.values():
        sync.add_done_callback(ended)
    return answer


def _response(outcomes: Sequence[Outcome], failed: Mapping[PartitionLog, BaseException | None]) -> ProduceResponse:
    """`failed`: why a log could not be synced."""
    topics: dict[uuid.UUID | None, list[PartitionProduceResponse]] = {}
    for outcome in outcomes:
        result = outcome.result
        if isinstance(result, Written):
            error = failed.get(result.log)
            if isinstance(error, ApiError):
                result = error
        topics.setdefault(outcome.topic_id, []).append(_partition(outcome.partition, result))
    return ProduceResponse(
        responses=tuple(
            TopicProduceResponse(topic_id=topic_id, partition_responses=tuple(partitions))
            for topic_id, partitions in topics.items()
        ),
        throttle_time=NO_THROTTLE,
    )


def _partition(index: i32, result: Written | ApiError) -> PartitionProduceResponse:
    if isinstance(result, ApiError):
        return PartitionProduceResponse(
            index=index,
            error_code=result.code,
            base_offset=NO_OFFSET,
            log_append_time=None,
            record_errors=(),
            error_message=result.message,
        )
    return PartitionProduceResponse(
        index=index,
        error_code=ErrorCode.none,
        base_offset=i64(result.base_offset),
        log_append_time=None if result.append_time_ms is None else instant(result.append_time_ms),
        log_start_offset=i64(result.log.log_start_offset),
        record_errors=(),
        error_message=None,
    )
