"""What a produced batch must be before it enters a log, and how it is written.

The header is checked at once, with Kafka's error codes; then that the records can be read, as many as it says; of a
compacted topic each by itself. Pure: the clock is handed in. `prepared` may run in a thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError
from logpost_broker.log.batch import (
    CONTROL,
    HEADER_BYTES,
    LOG_APPEND_TIME,
    MAGIC,
    MAGIC_POSITION,
    NO_PRODUCER,
    NO_TIMESTAMP,
    BatchHeader,
    Buffer,
    crc_matches,
    read_header,
    stamped,
    with_max_timestamp,
)
from logpost_broker.log.compression import ZSTD
from logpost_broker.log.kept_records import spans_in
from logpost_broker.log.limits import MAX_BATCH_RECORDS
from logpost_broker.log.recompress import Target, recompressed
from logpost_broker.log.record_check import check_readable
from logpost_broker.log.records import decoded_records

MAX_RECORD_ERRORS = 100
"""How many bad records of a batch a producer is told."""
RECORDS_A_TURN = 256
"""Opened in half a millisecond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the configuration of a topic asks of its batches."""

    max_batch_bytes: int
    segment_bytes: int
    is_stamped: bool
    """The broker's time is that of all records (`message.timestamp.type=LogAppendTime`)."""
    before_max_ms: int
    after_max_ms: int
    """How far a record's timestamp may lie before and after the broker's time."""
    needs_keys: bool
    target: Target | None
    """None: batches stay as producers compress them."""

    def times(self, now_ms: int) -> tuple[int, int]:
        """The earliest and the latest timestamp that a record may have."""
        return max(0, now_ms - self.before_max_ms), now_ms + self.after_max_ms

    def compresses(self, header: BatchHeader) -> bool:
        """Whether `prepared` compresses the batch again."""
        return self.target is not None and self.target.applies_to(header)


class InvalidRecordsError(ApiError):
    """A batch with bad records: which, and why."""

    def __init__(self, code: ErrorCode, message: str, records: tuple[tuple[int, str], ...]) -> None:
        super().__init__(code, message)
        self.records = records


def check_produced(batch: Buffer, rules: Rules, *, now_ms: int, takes_zstd: bool = True) -> BatchHeader:
    """The header of the one batch that a Produce request may carry for a partition (KIP-98: exactly one).
    `takes_zstd`: the client's version of Produce has it (KIP-110: v7).

    Raises ApiError: MESSAGE_TOO_LARGE and RECORD_LIST_TOO_LARGE (larger than a segment) for its size,
    UNSUPPORTED_FOR_MESSAGE_FORMAT for the formats v0 and v1, CORRUPT_MESSAGE for a wrong CRC,
    UNSUPPORTED_COMPRESSION_TYPE, INVALID_TIMESTAMP (InvalidRecordsError), INVALID_RECORD for what no producer may
    send: that is final, while clients send a corrupt message again.
    """
    if len(batch) > rules.max_batch_bytes:
        raise _too_large(len(batch), rules)
    if len(batch) > rules.segment_bytes:
        raise ApiError(
            ErrorCode.record_list_too_large, f"a batch of {len(batch)} bytes, a segment has {rules.segment_bytes}"
        )
    header = _whole_header(batch)
    _check_fields(header)
    if header.codec == ZSTD and not takes_zstd:
        raise ApiError(ErrorCode.unsupported_compression_type, "zstd needs Produce version 7 or later")
    if not rules.is_stamped:
        _check_times(header, rules, now_ms)
    return header


def _whole_header(batch: Buffer) -> BatchHeader:
    if not batch:
        raise ApiError(ErrorCode.invalid_record, "no record batch for a partition")
    if len(batch) > MAGIC_POSITION and batch[MAGIC_POSITION] < MAGIC:
        raise ApiError(
            ErrorCode.unsupported_for_message_format, "message formats v0 and v1 are refused: send record batches v2"
        )
    if len(batch) < HEADER_BYTES:
        raise ApiError(ErrorCode.invalid_record, f"{len(batch)} bytes are less than a batch header")
    header = read_header(batch)
    if header.magic != MAGIC:
        raise ApiError(ErrorCode.unsupported_for_message_format, f"unknown message format {header.magic}")
    if header.size_bytes < HEADER_BYTES:
        raise ApiError(ErrorCode.corrupt_message, f"the batch claims {header.size_bytes} bytes, less than its header")
    if header.size_bytes > len(batch):
        raise ApiError(ErrorCode.invalid_record, f"the batch claims {header.size_bytes} of {len(batch)} bytes")
    if header.size_bytes < len(batch):
        raise ApiError(ErrorCode.invalid_record, "more than one record batch for a partition")
    if not crc_matches(batch, header):
        raise ApiError(ErrorCode.corrupt_message, "the CRC of the batch does not match its bytes")
    return header


def _check_fields(header: BatchHeader) -> None:
    if header.attributes & CONTROL:
        raise ApiError(ErrorCode.invalid_record, "clients may not send control batches")
    if header.record_count <= 0 or header.last_offset_delta != header.record_count - 1:
        raise ApiError(
            ErrorCode.invalid_record,
            f"{header.record_count} records do not end at offset delta {header.last_offset_delta}",
        )
    if header.record_count > MAX_BATCH_RECORDS:
        raise ApiError(
            ErrorCode.record_list_too_large, f"a batch of {header.record_count} records, {MAX_BATCH_RECORDS} are taken"
        )
    if header.codec > ZSTD:
        raise ApiError(ErrorCode.unsupported_compression_type, f"unknown compression codec {header.codec}")
    if header.producer_id != NO_PRODUCER and (header.base_sequence < 0 or header.producer_epoch < 0):
        raise ApiError(ErrorCode.invalid_record, "an idempotent batch needs a sequence and an epoch")


def _check_times(header: BatchHeader, rules: Rules, now_ms: int) -> None:
    if header.attributes & LOG_APPEND_TIME:
        raise ApiError(ErrorCode.invalid_timestamp, "producers may not set the timestamp type LogAppendTime")
    for timestamp_ms in (header.base_timestamp, header.max_timestamp):
        _check_time(timestamp_ms, rules, now_ms)


def _check_time(timestamp_ms: int, rules: Rules, now_ms: int) -> None:
    earliest, latest = rules.times(now_ms)
    if not (earliest <= timestamp_ms <= latest or timestamp_ms == NO_TIMESTAMP):
        reason = _out_of_range(timestamp_ms, earliest, latest)
        raise InvalidRecordsError(ErrorCode.invalid_timestamp, reason, ((0, reason),))


def _out_of_range(timestamp_ms: int, earliest: int, latest: int) -> str:
    return f"timestamp {timestamp_ms} is out of range: it should lie in {earliest} to {latest}"


def prepared(
    header: BatchHeader,
    batch: Buffer,
    records: Buffer,
    rules: Rules,
    *,
    now_ms: int,
    give_way: Callable[[], None] | None = None,
) -> Buffer:
    """The batch as it is written: `records`, which are its own, decompressed, checked; compressed as its topic wants
    it; stamped with `now_ms` where its topic is. `check_produced` has passed it. `give_way` is called every so many
    records.

    Raises ApiError: INVALID_RECORD (InvalidRecordsError where single records are to blame), INVALID_TIMESTAMP, and
    MESSAGE_TOO_LARGE for what another codec made too large.
    """
    stamp = now_ms if rules.is_stamped else None
    try:
        if rules.needs_keys:
            check_records(header, records, rules, now_ms=now_ms, give_way=give_way)
        else:
            check_readable(header, batch, records, give_way)
        if stamp is None and header.max_timestamp < header.base_timestamp:
            header, batch = _with_newest_time(header, batch, records, rules, now_ms, give_way)
        if rules.target is not None and rules.compresses(header):
            batch = recompressed(header, records, rules.target, stamp)
        elif stamp is not None:
            batch = stamped(header, batch, stamp)
    except ValueError as error:
        raise ApiError(ErrorCode.invalid_record, str(error)) from None
    if len(batch) > rules.max_batch_bytes:
        raise _too_large(len(batch), rules)
    return batch


def _with_newest_time(
    header: BatchHeader,
    batch: Buffer,
    records: Buffer,
    rules: Rules,
    now_ms: int,
    give_way: Callable[[], None] | None,
) -> tuple[BatchHeader, Buffer]:
    """Sarama, until 2025, left out the newest time of a batch, by which its records are found and kept. Raises
    InvalidRecordsError where it lies too far ahead, ValueError when the records are malformed."""
    newest_ms = NO_TIMESTAMP
    for index, span in enumerate(spans_in(header, bytes(records))):
        newest_ms = max(newest_ms, header.base_timestamp + span.timestamp_delta)
        if give_way is not None and index % RECORDS_A_TURN == RECORDS_A_TURN - 1:
            give_way()
    _check_time(newest_ms, rules, now_ms)
    changed = with_max_timestamp(header, batch, newest_ms)
    return read_header(changed), changed


def check_records(
    header: BatchHeader, records: Buffer, rules: Rules, *, now_ms: int, give_way: Callable[[], None] | None = None
) -> None:
    """Open the batch of a compacted topic; `records` are decompressed. Raises InvalidRecordsError as Kafka's
    LogValidator does, ValueError when its inside is malformed."""
    earliest, latest = rules.times(now_ms)
    wrong: list[tuple[int, str]] = []
    code = ErrorCode.invalid_record
    for index, record in enumerate(decoded_records(header, bytes(records))):
        if give_way is not None and index % RECORDS_A_TURN == RECORDS_A_TURN - 1:
            give_way()
        timestamp_ms = record.timestamp_ms
        if record.offset != header.base_offset + index:
            raise ValueError(f"record {index} of a batch has offset delta {record.offset - header.base_offset}")
        if record.key is None:
            wrong.append((index, "a compacted topic takes no record without a key"))
        elif not (rules.is_stamped or earliest <= timestamp_ms <= latest or timestamp_ms == NO_TIMESTAMP):
            wrong.append((index, _out_of_range(timestamp_ms, earliest, latest)))
            code = ErrorCode.invalid_timestamp
    if wrong:
        reason = f"{len(wrong)} records were refused, the first because: {wrong[0][1]}"
        raise InvalidRecordsError(code, reason, tuple(wrong[:MAX_RECORD_ERRORS]))


def _too_large(size_bytes: int, rules: Rules) -> ApiError:
    return ApiError(
        ErrorCode.message_too_large, f"a batch of {size_bytes} bytes, the topic takes {rules.max_batch_bytes}"
    )
