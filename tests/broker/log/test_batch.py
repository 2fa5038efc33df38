"""What may enter a log."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError
from logpost_broker.log.batch import (
    CONTROL,
    CRC_START,
    HEADER_BYTES,
    MAGIC_POSITION,
    check_produced,
    crc_matches,
    read_header,
    stamped,
    whole_batches,
)
from logpost_broker.log.records import build_batch, records_of
from tests.broker.log.logs import changed

BATCH = build_batch([(b"key", b"value"), (None, b"other")], 1000)


def refusal(batch: bytes) -> ErrorCode:
    with pytest.raises(ApiError) as raised:
        check_produced(batch)
    return raised.value.code


def test_a_whole_batch_is_taken() -> None:
    header = check_produced(BATCH)
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


@given(st.integers(0, len(BATCH) - 1))
def test_a_cut_batch_is_refused(size: int) -> None:
    assert refusal(BATCH[:size]) is ErrorCode.corrupt_message


def test_two_batches_are_refused() -> None:
    assert refusal(BATCH + BATCH) is ErrorCode.invalid_record


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"attributes": CONTROL}, ErrorCode.invalid_record),
        ({"record_count": 0, "last_offset_delta": -1}, ErrorCode.invalid_record),
        ({"record_count": 5}, ErrorCode.invalid_record),
        ({"attributes": 6}, ErrorCode.unsupported_compression_type),
        ({"producer_id": 1, "producer_epoch": 0, "base_sequence": -1}, ErrorCode.invalid_record),
    ],
)
def test_a_header_that_makes_no_sense_is_refused(fields: dict[str, int], code: ErrorCode) -> None:
    assert refusal(changed(BATCH, **fields)) is code


@given(st.integers(0, 3 * len(BATCH)))
def test_batches_are_walked_up_to_the_one_that_is_cut(size: int) -> None:
    found = [position for position, _ in whole_batches((BATCH * 3)[:size])]
    assert found == [len(BATCH) * number for number in range(size // len(BATCH))]


def test_a_walk_over_garbage_ends() -> None:
    assert list(whole_batches(b"\xff" * (HEADER_BYTES + 10))) == []


def test_a_stamped_batch_has_the_brokers_time_and_a_right_crc() -> None:
    batch = stamped(read_header(BATCH), BATCH, 5000)
    assert crc_matches(batch, read_header(batch))
    assert [record.timestamp_ms for record in records_of(batch)] == [5000, 5000]
