"""What may enter a log: each check by its error code, on plain bytes."""

from __future__ import annotations

import dataclasses

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError
from logpost_broker.log.batch import (
    CONTROL,
    CRC_START,
    HEADER_BYTES,
    LOG_APPEND_TIME,
    MAGIC_POSITION,
    NO_TIMESTAMP,
    crc_matches,
    read_header,
)
from logpost_broker.log.compression import NONE, ZSTD
from logpost_broker.log.produced import (
    MAX_RECORD_ERRORS,
    RECORDS_A_TURN,
    InvalidRecordsError,
    Rules,
    check_produced,
    prepared,
)
from logpost_broker.log.recompress import Target
from logpost_broker.log.records import build_batch, encoded_record, headed, records_of, varint
from logpost_broker.log.unpacking import unpacked
from tests.broker.log.logs import NOW_MS, changed

BATCH = build_batch([(b"key", b"value"), (None, b"other")], NOW_MS)
HOUR_MS = 3_600_000
RULES = Rules(
    max_batch_bytes=1_000_000,
    segment_bytes=1_000_000,
    is_stamped=False,
    before_max_ms=2**63 - 1,
    after_max_ms=HOUR_MS,
    needs_keys=False,
    target=None,
)


def refusal(batch: bytes, rules: Rules = RULES, *, takes_zstd: bool = True) -> ErrorCode:
    with pytest.raises(ApiError) as raised:
        check_produced(batch, rules, now_ms=NOW_MS, takes_zstd=takes_zstd)
    return raised.value.code


def test_a_whole_batch_is_taken() -> None:
    header = check_produced(BATCH, RULES, now_ms=NOW_MS)
    assert (header.record_count, header.last_offset_delta, header.size_bytes) == (2, 1, len(BATCH))


@pytest.mark.parametrize("magic", [0, 1])
def test_old_message_formats_are_refused_by_their_own_error(magic: int) -> None:
    old = bytearray(BATCH)
    old[MAGIC_POSITION] = magic
    assert refusal(bytes(old)) is ErrorCode.unsupported_for_message_format


@given(st.integers(CRC_START, len(BATCH) - 1), st.integers(0, 7))
def test_a_flipped_bit_is_found(position: int, bit: int) -> None:
    flipped = bytearray(BATCH)
    flipped[position] ^= 1 << bit
    assert refusal(bytes(flipped)) is ErrorCode.corrupt_message


@given(st.integers(1, len(BATCH) - 1))
def test_a_cut_batch_is_refused(size: int) -> None:
    assert refusal(BATCH[:size]) is ErrorCode.invalid_record


def test_a_batch_that_claims_to_be_less_than_its_header_is_corrupt() -> None:
    assert refusal(changed(BATCH, batch_length=1)) is ErrorCode.corrupt_message


@pytest.mark.parametrize("batch", [b"", BATCH + BATCH])
def test_a_partition_gets_exactly_one_batch(batch: bytes) -> None:
    assert refusal(batch) is ErrorCode.invalid_record


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"attributes": CONTROL}, ErrorCode.invalid_record),
        ({"record_count": 0, "last_offset_delta": -1}, ErrorCode.invalid_record),
        ({"record_count": 5}, ErrorCode.invalid_record),
        ({"attributes": 6}, ErrorCode.unsupported_compression_type),
        ({"producer_id": 1, "producer_epoch": 0, "base_sequence": -1}, ErrorCode.invalid_record),
        ({"attributes": LOG_APPEND_TIME}, ErrorCode.invalid_timestamp),
        ({"max_timestamp": NOW_MS + HOUR_MS + 1}, ErrorCode.invalid_timestamp),
        ({"base_timestamp": NOW_MS + HOUR_MS + 1}, ErrorCode.invalid_timestamp),
        ({"base_timestamp": -2}, ErrorCode.invalid_timestamp),
    ],
)
def test_a_header_that_makes_no_sense_is_refused(fields: dict[str, int], code: ErrorCode) -> None:
    assert refusal(changed(BATCH, **fields)) is code


def test_timestamps_up_to_the_limits_are_taken() -> None:
    rules = dataclasses.replace(RULES, before_max_ms=1000)
    for timestamp_ms in (NOW_MS - 1000, NOW_MS + HOUR_MS, -1):
        check_produced(build_batch([(None, b"v")], timestamp_ms), rules, now_ms=NOW_MS)
    assert refusal(build_batch([(None, b"v")], NOW_MS - 1001), rules) is ErrorCode.invalid_timestamp


def test_timestamps_do_not_matter_where_the_broker_sets_them() -> None:
    rules = dataclasses.replace(RULES, is_stamped=True)
    check_produced(changed(BATCH, max_timestamp=2**62, attributes=LOG_APPEND_TIME), rules, now_ms=NOW_MS)


def test_a_batch_is_no_larger_than_its_topic_and_its_segment_take() -> None:
    assert refusal(BATCH, dataclasses.replace(RULES, max_batch_bytes=50)) is ErrorCode.message_too_large
    assert refusal(BATCH, dataclasses.replace(RULES, segment_bytes=50)) is ErrorCode.record_list_too_large


def test_zstd_is_for_clients_that_know_it() -> None:
    batch = changed(BATCH, attributes=ZSTD)
    assert refusal(batch, takes_zstd=False) is ErrorCode.unsupported_compression_type
    check_produced(batch, RULES, now_ms=NOW_MS)


def refused_records(batch: bytes, rules: Rules) -> ApiError:
    header = read_header(batch)
    with pytest.raises(ApiError) as raised, unpacked(header, batch) as records:
        prepared(header, batch, records, rules, now_ms=NOW_MS)
    return raised.value


COMPACTED = dataclasses.replace(RULES, needs_keys=True)


def test_a_compacted_topic_names_the_records_without_keys() -> None:
    batch = build_batch([(b"k", b"v"), (None, b"v"), (b"", None), (None, None)], NOW_MS)
    error = refused_records(batch, COMPACTED)
    assert isinstance(error, InvalidRecordsError)
    assert error.code is ErrorCode.invalid_record
    assert [index for index, _ in error.records] == [1, 3]


def test_opening_many_records_gives_way_to_other_work() -> None:
    turns: list[None] = []
    batch = build_batch([(b"k", b"v")] * (3 * RECORDS_A_TURN), NOW_MS)
    header, records = read_header(batch), batch[HEADER_BYTES:]
    prepared(header, batch, records, COMPACTED, now_ms=NOW_MS, give_way=lambda: turns.append(None))
    assert len(turns) == 3


def test_a_producer_is_told_of_so_many_bad_records() -> None:
    error = refused_records(build_batch([(None, b"v")] * 500, NOW_MS), COMPACTED)
    assert isinstance(error, InvalidRecordsError)
    assert len(error.records) == MAX_RECORD_ERRORS


def test_where_records_are_opened_each_timestamp_is_checked() -> None:
    # The header says two hours ago; the record says now, which is too late for this topic by then.
    batch = build_batch([(b"k", b"v")], NOW_MS)
    lying = changed(batch, base_timestamp=NOW_MS + 2 * HOUR_MS)
    error = refused_records(lying, COMPACTED)
    assert isinstance(error, InvalidRecordsError)
    assert (error.code, [index for index, _ in error.records]) == (ErrorCode.invalid_timestamp, [0])


@pytest.mark.parametrize(
    "records",
    [
        b"\x80" * 200,  # a length without end
        BATCH[HEADER_BYTES:] + b"\0",
        BATCH[HEADER_BYTES:-1],
        BATCH[HEADER_BYTES : HEADER_BYTES + (len(BATCH) - HEADER_BYTES) // 2],
    ],
)
def test_malformed_records_are_refused_where_they_are_opened(records: bytes) -> None:
    batch = changed(BATCH[:HEADER_BYTES] + records, batch_length=HEADER_BYTES - 12 + len(records))
    assert refused_records(batch, COMPACTED).code is ErrorCode.invalid_record


def test_what_another_codec_makes_too_large_is_refused() -> None:
    plain = build_batch([(b"k", b"v" * 5000)], NOW_MS)
    packed = zstandard.ZstdCompressor().compress(plain[HEADER_BYTES:])
    batch = changed(plain[:HEADER_BYTES] + packed, batch_length=HEADER_BYTES - 12 + len(packed), attributes=ZSTD)
    rules = dataclasses.replace(RULES, max_batch_bytes=1000, target=Target(NONE, 0, is_strict=True))
    check_produced(batch, rules, now_ms=NOW_MS)
    assert refused_records(batch, rules).code is ErrorCode.message_too_large


@pytest.mark.parametrize("target", [None, Target(ZSTD, 1, is_strict=False)])
def test_the_brokers_time_is_on_what_is_written(target: Target | None) -> None:
    plain = build_batch([(b"k", b"v" * 5000)], 1)
    rules = dataclasses.replace(RULES, is_stamped=True, needs_keys=True, target=target)
    written = prepared(read_header(plain), plain, plain[HEADER_BYTES:], rules, now_ms=NOW_MS)
    assert [record.timestamp_ms for record in records_of(written)] == [NOW_MS]
    assert read_header(written).codec == (NONE if target is None else ZSTD)


def later_and_earlier() -> bytes:
    """Two records of an hour before and of now, in a batch that says nothing of its newest time, as Sarama's."""
    records = encoded_record(0, b"k", b"first") + timed_record(1, HOUR_MS, b"k", b"second")
    return changed(headed(records, 2, NOW_MS - HOUR_MS), max_timestamp=NO_TIMESTAMP)


def timed_record(offset_delta: int, timestamp_delta: int, key: bytes, value: bytes) -> bytes:
    record = b"\0" + varint(timestamp_delta) + varint(offset_delta)
    record += varint(len(key)) + key + varint(len(value)) + value + b"\0"
    return varint(len(record)) + record


@pytest.mark.parametrize("needs_keys", [False, True])
@pytest.mark.parametrize("target", [None, Target(ZSTD, 1, is_strict=True)])
def test_a_batch_without_its_newest_time_is_given_that_of_its_records(needs_keys: bool, target: Target | None) -> None:
    batch = later_and_earlier()
    rules = dataclasses.replace(RULES, target=target, needs_keys=needs_keys)
    header = check_produced(batch, rules, now_ms=NOW_MS)
    written = prepared(header, batch, memoryview(batch)[HEADER_BYTES:], rules, now_ms=NOW_MS)
    assert read_header(written).max_timestamp == NOW_MS
    assert crc_matches(written, read_header(written))
    assert [record.timestamp_ms for record in records_of(written)] == [NOW_MS - HOUR_MS, NOW_MS]


def test_a_batch_without_its_newest_time_may_not_lie_ahead_either() -> None:
    batch = later_and_earlier()
    header = check_produced(batch, RULES, now_ms=NOW_MS - HOUR_MS)
    with pytest.raises(ApiError) as raised:
        prepared(header, batch, memoryview(batch)[HEADER_BYTES:], RULES, now_ms=NOW_MS - HOUR_MS - 1)
    assert raised.value.code is ErrorCode.invalid_timestamp


def test_a_batch_without_any_time_stays_so() -> None:
    batch = build_batch([(b"k", b"v")], NO_TIMESTAMP)
    header = check_produced(batch, RULES, now_ms=NOW_MS)
    assert prepared(header, batch, memoryview(batch)[HEADER_BYTES:], RULES, now_ms=NOW_MS) is batch
