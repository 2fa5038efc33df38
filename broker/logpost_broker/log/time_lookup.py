"""From a time to an offset: by the time indexes to the batch, by its records to the one."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from logpost_broker.log.batch import NO_TIMESTAMP, BatchHeader
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.log.records import records_of
from logpost_broker.log.segment import Segment

logger = logging.getLogger("broker")


@dataclass(frozen=True, slots=True, kw_only=True)
class TimestampedOffset:
    timestamp_ms: int
    offset: int


def first_at_or_after(log: PartitionLog, timestamp_ms: int) -> TimestampedOffset | None:
    """The first visible record whose timestamp is at or after `timestamp_ms`."""
    log.require_online()
    for segment in log.segments:
        if segment.max_timestamp < timestamp_ms:
            continue
        for position, header in segment.batches_from_time(timestamp_ms):
            if header.base_offset >= log.high_watermark:
                return None
            found = _first_in(log, segment, position, header, timestamp_ms)
            if found is not None:
                return found
    return None


def _first_in(
    log: PartitionLog, segment: Segment, position: int, header: BatchHeader, timestamp_ms: int
) -> TimestampedOffset | None:
    """The first such record of a batch that is at or above the log start."""
    if header.last_offset < log.log_start_offset:
        return None
    try:
        for record in records_of(segment.read(position, header.size_bytes)):
            if record.timestamp_ms >= timestamp_ms and record.offset >= log.log_start_offset:
                return TimestampedOffset(timestamp_ms=record.timestamp_ms, offset=record.offset)
    except ValueError as error:
        # The producer's CRC is right and its records are not: point at the batch, as its reader must judge.
        logger.warning("%s position %d: %s", segment.log.path, position, error)
        return TimestampedOffset(timestamp_ms=header.max_timestamp, offset=header.base_offset)
    return None


def newest_timestamp(log: PartitionLog) -> TimestampedOffset | None:
    """The record with the highest timestamp."""
    newest = max((segment.max_timestamp for segment in log.segments), default=NO_TIMESTAMP)
    return None if newest == NO_TIMESTAMP else first_at_or_after(log, newest)
