"""Produce (0), versions 3 to 13 (0 to 2 are shown and refused: KAFKA-18659).

- v3: record batches v2. v5: log start offset. v7: zstd. v8: error messages. v9: flexible. v10: the current leader
- v11: TRANSACTION_ABORTABLE. v12: adds partitions to transactions (KIP-890). v13: topics by id

On its way to the answer a batch is checked (`log/produced.py`), looked for in its producer's transaction, put in line
with the others of its partition (`partitions/appender.py`), appended (`log/partition_log.py`) and synced
(`partitions/flusher.py`).

acks=all is answered when the batches are as safe as `broker.flush` says, acks=1 when they are written, acks=0 never
(a refusal closes the connection then, as in Kafka, so that the client notices). Each partition of a request carries
exactly one batch. A transactional batch has to be in its producer's transaction; from v12 on it adds its partition.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from kio.schema.errors import ErrorCode
from kio.schema.produce.v13.request import PartitionProduceData, ProduceRequest
from kio.schema.produce.v13.response import (
    BatchIndexAndErrorMessage,
    PartitionProduceResponse,
    ProduceResponse,
    TopicProduceResponse,
)
from kio.static.primitive import i32, i64

from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.errors import ApiError, ProtocolError, without_traces
from logpost_broker.log.batch import TRANSACTIONAL, BatchHeader
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.log.produced import InvalidRecordsError, check_produced
from logpost_broker.log.producer_identity import ProducerIdentity
from logpost_broker.node import Node
from logpost_broker.partitions.appender import Written
from logpost_broker.transactions.events import TopicPartition
from logpost_broker.transactions.messages import Add
from logpost_broker.transactions.verification import Verification
from logpost_broker.wire.units import NO_THROTTLE, instant

ACKS_NONE, ACKS_WRITTEN, ACKS_ALL = 0, 1, -1
NO_OFFSET = i64(-1)
ZSTD_VERSION = 7
FIRST_THAT_ADDS = 12
PARTITIONS_AT_ONCE = 500
"""Partitions of a request that one step handles, in 25 ms."""


class Outcome(NamedTuple):
    """What became of one partition's batch."""

    topic_id: uuid.UUID | None
    partition: i32
    result: Written | ApiError


class Pending(NamedTuple):
    """A partition's batch that waits for its turn."""

    topic_id: uuid.UUID | None
    partition: i32
    result: asyncio.Future[Written | ApiError]


Wanted = tuple[uuid.UUID | None, PartitionProduceData]
"""A topic's id and what is for one of its partitions."""
Answer = ProduceResponse | asyncio.Future[ProduceResponse] | None


@handles(ProduceRequest, ProduceResponse)
def produce(
    node: Node, request: ProduceRequest, context: RequestContext
) -> Answer | asyncio.Future[ProduceResponse | None]:
    wanted = [(topic.topic_id, data) for topic in request.topic_data for data in topic.partition_data]
    if len(wanted) > PARTITIONS_AT_ONCE:
        context.connection.hold()
        return asyncio.ensure_future(_in_steps(node, request, context, wanted))
    outcomes = [_append(node, request, topic_id, data, context) for topic_id, data in wanted]
    settled = [outcome for outcome in outcomes if isinstance(outcome, Outcome)]
    if len(settled) == len(outcomes):
        return _answer(node, request.acks, settled)
    return asyncio.ensure_future(_when_appended(node, request.acks, outcomes))


async def _in_steps(
    node: Node, request: ProduceRequest, context: RequestContext, wanted: Sequence[Wanted]
) -> ProduceResponse | None:
    """The answer. What follows on the connection waits until all is appended, so that batches lie as they were sent."""
    try:
        outcomes = [_append(node, request, topic_id, data, context) async for topic_id, data in node.turns.each(wanted)]
    finally:
        context.connection.go_on()
    settled = [await _settled(outcome) async for outcome in node.turns.each(outcomes)]
    if request.acks == ACKS_ALL:
        logs = {outcome.result.log for outcome in settled if isinstance(outcome.result, Written)}
        await asyncio.gather(*map(node.partitions.durable, logs), return_exceptions=True)
    topics: dict[uuid.UUID | None, list[PartitionProduceResponse]] = {}
    for begin in range(0, len(settled), PARTITIONS_AT_ONCE):
        await node.turns.wait()
        answer = _answer(node, request.acks, settled[begin : begin + PARTITIONS_AT_ONCE])
        response = await answer if asyncio.isfuture(answer) else answer
        for topic in () if response is None else response.responses:
            topics.setdefault(topic.topic_id, []).extend(topic.partition_responses)
    return None if request.acks == ACKS_NONE else _responses(topics)


async def _when_appended(node: Node, acks: int, outcomes: Sequence[Outcome | Pending]) -> ProduceResponse | None:
    """The answer, when the batches of all partitions had their turn."""
    answer = _answer(node, acks, [await _settled(outcome) for outcome in outcomes])
    return await answer if asyncio.isfuture(answer) else answer


async def _settled(outcome: Outcome | Pending) -> Outcome:
    if isinstance(outcome, Outcome):
        return outcome
    return Outcome(outcome.topic_id, outcome.partition, await outcome.result)


def _answer(node: Node, acks: int, outcomes: Sequence[Outcome]) -> Answer:
    logs = list(dict.fromkeys(outcome.result.log for outcome in outcomes if isinstance(outcome.result, Written)))
    for outcome in outcomes:
        if isinstance(outcome.result, ApiError):
            node.partitions.metrics.batches.refused(outcome.result.code.name).inc()
    if acks == ACKS_ALL and logs:
        return _when_durable({log: node.partitions.durable(log) for log in logs}, outcomes)
    for log in logs:
        node.partitions.flusher.written(log)
    if acks != ACKS_NONE:
        return _response(outcomes, {})
    for outcome in outcomes:
        if isinstance(outcome.result, ApiError):
            raise ProtocolError(f"a batch that waits for no answer was refused: {outcome.result}")
    return None


def _append(
    node: Node,
    request: ProduceRequest,
    topic_id: uuid.UUID | None,
    data: PartitionProduceData,
    context: RequestContext,
) -> Outcome | Pending:
    """Check a partition's batch against its topic and write it, or queue it for that."""
    batch = data.records or b""
    try:
        if request.acks not in (ACKS_NONE, ACKS_WRITTEN, ACKS_ALL):
            raise ApiError(ErrorCode.invalid_required_acks)
        topic = node.partitions.topic_of(topic_id)
        if topic.internal:
            raise ApiError(ErrorCode.invalid_topic_exception, f"'{topic.name}' is written by the broker itself")
        log = node.partitions.log(topic, data.index)
        rules = topic.configs.rules(node.partitions.config)
        now_ms = node.partitions.now_ms()
        header = check_produced(batch, rules, now_ms=now_ms, takes_zstd=context.version >= ZSTD_VERSION)
        if header.attributes & TRANSACTIONAL:
            _verify_transaction(node, request.transactional_id, header, (topic.name, data.index), context.version)
        node.partitions.admit(len(batch), now_ms)
        result = node.partitions.appender.append(
            log, header, batch, rules, now_ms=now_ms, connection=context.connection
        )
    except ApiError as error:
        return Outcome(topic_id, data.index, without_traces(error))
    node.partitions.metrics.batches.produced_bytes.inc(len(batch))
    if isinstance(result, Written):
        return Outcome(topic_id, data.index, result)
    return Pending(topic_id, data.index, result)


def _verify_transaction(
    node: Node, transactional_id: str | None, header: BatchHeader, place: TopicPartition, version: int
) -> None:
    """Raises ApiError where the batch is in no transaction of its producer."""
    if transactional_id is None:
        raise ApiError(ErrorCode.invalid_txn_state, "a transactional batch needs a transactional id")
    verification = Verification.of(version, adds_from=FIRST_THAT_ADDS)
    add = Add(
        transactional_id=transactional_id,
        producer=ProducerIdentity(header.producer_id, header.producer_epoch),
        partitions=frozenset({place}),
        is_v2=verification is Verification.ADDS,
    )
    node.transactions.verify(add, verification)


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
    return _responses(topics)


def _responses(topics: Mapping[uuid.UUID | None, Sequence[PartitionProduceResponse]]) -> ProduceResponse:
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
            record_errors=_record_errors(result),
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


def _record_errors(error: ApiError) -> tuple[BatchIndexAndErrorMessage, ...]:
    if not isinstance(error, InvalidRecordsError):
        return ()
    return tuple(
        BatchIndexAndErrorMessage(batch_index=i32(index), batch_index_error_message=reason)
        for index, reason in error.records
    )
