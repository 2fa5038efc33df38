"""From a time to an offset: by the time indexes to the batch, by its records to the one.

A small batch may hold a million records: a lookup is made of steps, between which others are served.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import Any

from logpost_broker.log.batch import HEADER_BYTES, NO_TIMESTAMP, BatchHeader
from logpost_broker.log.compression import NONE, decompress
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.log.records import decoded_records
from logpost_broker.log.segment import Segment

RECORDS_A_STEP = 256

logger = logging.getLogger("broker")


@dataclass(frozen=True, slots=True, kw_only=True)
class TimestampedOffset:
    timestamp_ms: int
    offset: int


Lookup = Generator[Callable[[], Any] | None, Any, TimestampedOffset | None]
"""What it yields is to be called, in a thread if one likes, and the answer sent back; None ends a short step."""


def first_at_or_after(log: PartitionLog, timestamp_ms: int) -> TimestampedOffset | None:
    """The first visible record whose timestamp is at or after `timestamp_ms`, all steps at once. Raises ApiError."""
    lookup = lookup_of(log, timestamp_ms)
    answer = None
    while True:
        try:
            call = lookup.send(answer)
        except StopIteration as end:
            found: TimestampedOffset | None = end.value
            return found
        answer = call and call()


def lookup_of(log: PartitionLog, timestamp_ms: int) -> Lookup:
    """`first_at_or_after` in steps. Raises ApiError at the first."""
    log.require_online()
    version = None
    while version != log.segments:  # compaction and retention may change them between two steps
        version = list(log.segments)
        found = yield from _found_in(log, version, timestamp_ms)
        if found is not None:
            return found
    return None


def _found_in(log: PartitionLog, segments: list[Segment], timestamp_ms: int) -> Lookup:
    for segment in segments:
        if segment.max_timestamp < timestamp_ms:
            continue
        for position, header in segment.batches_from_time(timestamp_ms):
            if header.base_offset >= log.high_watermark:
                return None
            if header.last_offset >= log.log_start_offset:
                found = yield from _first_in(log, segment, position, header, timestamp_ms)
                if found is not None or segments != log.segments:
                    return found
    return None


def _first_in(log: PartitionLog, segment: Segment, position: int, header: BatchHeader, timestamp_ms: int) -> Lookup:
    """The first such record of a batch that is at or above the log start."""
    try:
        records = memoryview(segment.read(position, header.size_bytes))[HEADER_BYTES:]
        unpack = partial(decompress, header.codec, records)
        body = unpack() if header.codec == NONE else (yield unpack)
        for index, record in enumerate(decoded_records(header, body)):
            if record.timestamp_ms >= timestamp_ms and record.offset >= log.log_start_offset:
                return TimestampedOffset(timestamp_ms=record.timestamp_ms, offset=record.offset)
            if index % RECORDS_A_STEP == RECORDS_A_STEP - 1:
                yield None
    except ValueError as error:
        # The producer's CRC is right and its records are not: point at the batch, as its reader must judge.
        logger.warning("%s position %d: %s", segment.log.path, position, error)
        return TimestampedOffset(timestamp_ms=header.max_timestamp, offset=header.base_offset)
    return None


def newest_timestamp(log: PartitionLog) -> TimestampedOffset | None:
    """The record with the highest timestamp, all steps at once."""
    newest = highest_timestamp(log)
    return None if newest == NO_TIMESTAMP else first_at_or_after(log, newest)


def highest_timestamp(log: PartitionLog) -> int:
    """Of all records; NO_TIMESTAMP where there is none."""
    return max((segment.max_timestamp for segment in log.segments), default=NO_TIMESTAMP)
