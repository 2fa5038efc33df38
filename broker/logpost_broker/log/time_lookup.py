"""From a time to an offset: by the time indexes to the batch, by its records to the one.

A small batch may hold a million records: a lookup is made of steps, between which others are served. Batches are opened
in a thread, those that unpack to much one at a time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, cast

from logpost_broker.log.batch import LOG_APPEND_TIME, NO_TIMESTAMP, BatchHeader, Buffer
from logpost_broker.log.compression import NONE
from logpost_broker.log.kept_records import spans_in
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.log.segment import Segment
from logpost_broker.log.unpacking import unpacked, unpacked_at_once
from logpost_broker.turns import Alone, give_way

RECORDS_A_TURN = 256
READ_ON_THE_LOOP_BYTES = 16 * 1024

logger = logging.getLogger("broker")


@dataclass(frozen=True, slots=True, kw_only=True)
class TimestampedOffset:
    timestamp_ms: int
    offset: int


Lookup = Generator[Callable[[], Any] | Alone, Any, TimestampedOffset | None]
"""Call what it yields, in a thread where that is better, and send it the result."""


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
        answer = call.call() if isinstance(call, Alone) else call()


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
    wanted = _Wanted(header, segment.read(position, header.size_bytes), timestamp_ms, log.log_start_offset)
    if header.codec == NONE and header.size_bytes <= READ_ON_THE_LOOP_BYTES:
        found = wanted.at_once()
    else:
        found = yield wanted.at_once
    if found is _LARGE:
        found = yield Alone(wanted.alone)
    if isinstance(found, ValueError):
        # The producer's CRC is right and its records are not: point at the batch, as its reader must judge.
        logger.warning("%s position %d: %s", segment.log.path, position, found)
        return TimestampedOffset(timestamp_ms=header.max_timestamp, offset=header.base_offset)
    return cast("TimestampedOffset | None", found)


_LARGE = object()


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The first record of a batch at or after a time, at or above an offset. Returns a ValueError where the records
    cannot be read."""

    header: BatchHeader
    batch: bytes
    timestamp_ms: int
    start_offset: int

    def at_once(self) -> Any:
        """Or _LARGE for a batch that must be opened alone."""
        records = unpacked_at_once(self.header, self.batch)
        return _LARGE if records is None else self._in(records)

    def alone(self) -> TimestampedOffset | ValueError | None:
        try:
            with unpacked(self.header, self.batch) as records:
                return self._in(records)
        except ValueError as error:
            return error

    def _in(self, records: Buffer) -> TimestampedOffset | ValueError | None:
        header = self.header
        is_stamped = bool(header.attributes & LOG_APPEND_TIME)
        try:
            for index, span in enumerate(spans_in(header, bytes(records))):
                offset = header.base_offset + span.offset_delta
                timestamp_ms = header.max_timestamp if is_stamped else header.base_timestamp + span.timestamp_delta
                if timestamp_ms >= self.timestamp_ms and offset >= self.start_offset:
                    return TimestampedOffset(timestamp_ms=timestamp_ms, offset=offset)
                if index % RECORDS_A_TURN == RECORDS_A_TURN - 1:
                    give_way()
        except ValueError as error:
            return error
        return None


def newest_timestamp(log: PartitionLog) -> TimestampedOffset | None:
    """The record with the highest timestamp, all steps at once."""
    newest = highest_timestamp(log)
    return None if newest == NO_TIMESTAMP else first_at_or_after(log, newest)


def highest_timestamp(log: PartitionLog) -> int:
    """Of all records; NO_TIMESTAMP where there is none."""
    return max((segment.max_timestamp for segment in log.segments), default=NO_TIMESTAMP)
