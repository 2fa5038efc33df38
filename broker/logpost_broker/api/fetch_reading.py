"""One pass over the partitions of a fetch: what there is to read, and which logs are worth waiting for."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass

from kio.schema.errors import ErrorCode
from kio.schema.fetch.v18.request import FetchPartition, FetchRequest
from kio.schema.fetch.v18.response import AbortedTransaction, EpochEndOffset, PartitionData
from kio.schema.types import ProducerId
from kio.static.primitive import Records, i32, i64

from logpost_broker.errors import ApiError
from logpost_broker.fetch_sessions import FetchedPartition, FetchSession, Key
from logpost_broker.log.leader_epochs import EpochEnd
from logpost_broker.log.partition_log import NO_EPOCH, PartitionLog
from logpost_broker.metadata.topics import Topic
from logpost_broker.node import Node

MAX_RESPONSE_BYTES = 16 * 1024 * 1024
"""Kafka's `fetch.max.bytes`: no answer is larger, except for a single batch. It bounds what a slow reader costs."""
MIN_RESPONSE_BYTES = 1024 * 1024
"""Size that an answer may always have, however many clients do not read theirs."""
QUIET_AT_ONCE = 1_000
"""Partitions without news that take less than a step's time."""
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


def read(node: Node, scope: Scope) -> Generator[None, None, Reading]:
    """In steps of one partition each, because a log that is not open takes milliseconds to open."""
    room = min(scope.request.max_bytes, MAX_RESPONSE_BYTES, max(MIN_RESPONSE_BYTES, node.unsent.left_bytes // 8))
    reading = Reading(scope, found=[], logs=[], total_bytes=0, failed=False)
    for number, partition in enumerate(tuple(scope.partitions.values())):
        if not number % QUIET_AT_ONCE:
            yield
        if partition.quiet_log is not None and partition.is_quiet() and not scope.is_full:
            reading.logs.append(partition.quiet_log)
            continue
        yield
        topic = node.partitions.topics.by_id(partition.topic_id)
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


def _read_partition(
    node: Node, topic: Topic | None, asked: FetchPartition, isolation_level: int, room: int, *, is_first: bool
) -> tuple[PartitionLog, PartitionData]:
    """Raises ApiError. Only the first data of an answer may be larger than asked: one whole batch."""
    if topic is None:
        raise ApiError(ErrorCode.unknown_topic_id)
    log = node.partitions.log(topic, asked.partition)
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
