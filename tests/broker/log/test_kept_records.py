"""A batch with some of the records of another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logpost_broker.log.batch import (
    DELETE_HORIZON,
    HEADER_BYTES,
    LOG_APPEND_TIME,
    NO_TIMESTAMP,
    TRANSACTIONAL,
    crc_matches,
    read_header,
)
from logpost_broker.log.compression import decompress
from logpost_broker.log.kept_records import emptied, keeping, record_spans
from logpost_broker.log.records import records_of
from tests.broker.log.compacting import batch_of
from tests.broker.log.logs import NOW_MS, changed

PAIRS = [(b"k%d" % number, None if number % 3 == 0 else b"v" * number) for number in range(40)]
HORIZON_MS = NOW_MS + 86_400_000


def opened(batch: bytes) -> bytes:
    return decompress(read_header(batch).codec, batch[HEADER_BYTES:])


@given(codec=st.integers(0, 4), kept=st.sets(st.integers(0, 39), min_size=1), sets_horizon=st.booleans())
def test_records_keep_their_offsets_times_and_bytes(codec: int, kept: set[int], sets_horizon: bool) -> None:
    batch = batch_of(PAIRS, codec=codec, producer=5, sequence=11, epoch=2, transactional=True)
    header = read_header(batch)
    spans = [span for span in record_spans(header, opened(batch)) if span.offset_delta in kept]
    horizon = HORIZON_MS if sets_horizon else None

    made = keeping(header, opened(batch), spans, level=1, delete_horizon_ms=horizon)

    after = read_header(made)
    assert list(records_of(made)) == [record for record in records_of(batch) if record.offset in kept]
    assert crc_matches(made, after)
    assert after.size_bytes == len(made)
    assert after.record_count == len(kept)
    assert after.codec == codec
    assert bool(after.attributes & DELETE_HORIZON) == sets_horizon
    assert after.base_timestamp == (HORIZON_MS if sets_horizon else header.base_timestamp)
    same = ("base_offset", "last_offset_delta", "producer_id", "producer_epoch", "base_sequence", "max_timestamp")
    assert [getattr(after, name) for name in same] == [getattr(header, name) for name in same]
    assert after.attributes & TRANSACTIONAL


def test_a_horizon_stays_when_more_records_go() -> None:
    batch = batch_of(PAIRS)
    spans = record_spans(read_header(batch), opened(batch))
    once = keeping(read_header(batch), opened(batch), spans, level=1, delete_horizon_ms=HORIZON_MS)
    spans = record_spans(read_header(once), opened(once))
    twice = keeping(read_header(once), opened(once), spans[:3], level=1)
    assert read_header(twice).base_timestamp == HORIZON_MS
    assert read_header(twice).attributes & DELETE_HORIZON
    assert list(records_of(twice)) == list(records_of(batch))[:3]


def test_the_brokers_time_stays_that_of_all_records() -> None:
    batch = changed(batch_of(PAIRS), attributes=LOG_APPEND_TIME, max_timestamp=NOW_MS + 5)
    spans = record_spans(read_header(batch), opened(batch))
    made = keeping(read_header(batch), opened(batch), spans[1:2], level=1, delete_horizon_ms=HORIZON_MS)
    assert [record.timestamp_ms for record in records_of(made)] == [NOW_MS + 5]


def test_an_emptied_batch_still_says_who_sent_it_and_where_it_ends() -> None:
    header = read_header(batch_of(PAIRS, codec=4, producer=5, sequence=11, epoch=2, transactional=True))
    made = emptied(header)
    after = read_header(made)
    assert len(made) == after.size_bytes == HEADER_BYTES
    assert crc_matches(made, after)
    assert list(records_of(made)) == []
    expected = header._replace(
        attributes=TRANSACTIONAL,
        base_timestamp=NO_TIMESTAMP,
        record_count=0,
        batch_length=after.batch_length,
        crc=after.crc,
    )
    assert after == expected


@given(st.integers(0, 200), st.integers(0, 255))
def test_malformed_records_are_a_value_error(position: int, byte: int) -> None:
    batch = bytearray(batch_of([(b"key", b"value")] * 10))
    batch[HEADER_BYTES + position % (len(batch) - HEADER_BYTES)] = byte
    header = read_header(batch)
    try:
        spans = record_spans(header, bytes(batch[HEADER_BYTES:]))
    except ValueError:
        return
    assert len(spans) == header.record_count


@pytest.mark.parametrize("count", [9, 11, -1, 2**31 - 1])
def test_a_wrong_count_of_records_is_a_value_error(count: int) -> None:
    batch = batch_of([(b"key", b"value")] * 10)
    with pytest.raises(ValueError, match=r"batch|record"):
        record_spans(read_header(batch)._replace(record_count=count), batch[HEADER_BYTES:])
