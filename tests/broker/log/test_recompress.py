"""A batch in another codec is the same batch."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logpost_broker.log.batch import (
    CODEC_MASK,
    HEADER_BYTES,
    LOG_APPEND_TIME,
    TRANSACTIONAL,
    crc_matches,
    read_header,
)
from logpost_broker.log.compression import CODECS, GZIP, LZ4, NONE, SNAPPY, ZSTD, compress, decompress
from logpost_broker.log.recompress import MIN_RECORDS_BYTES, Target, recompressed
from logpost_broker.log.records import build_batch, records_of
from tests.broker.log.logs import NOW_MS, changed

NULLABLE = st.none() | st.binary(max_size=300) | st.integers(0, 5000).map(lambda size: b"line " * size)
PAIRS = st.lists(st.tuples(NULLABLE, NULLABLE), min_size=1, max_size=20)
TARGETS = st.builds(Target, st.sampled_from([GZIP, SNAPPY, LZ4, ZSTD]), st.integers(1, 9), st.just(True))
PRODUCERS = st.fixed_dictionaries(
    {
        "producer_id": st.integers(-1, 2**62),
        "producer_epoch": st.integers(0, 2**15 - 1),
        "base_sequence": st.integers(0, 2**31 - 1),
        "attributes": st.sampled_from([0, TRANSACTIONAL]),
    }
)
CHANGED_FIELDS = {"batch_length": 0, "crc": 0, "attributes": 0}


def in_codec(batch: bytes, codec: int) -> bytes:
    """The batch as a producer with that codec sends it."""
    packed = compress(codec, batch[HEADER_BYTES:], 1)
    return changed(
        batch[:HEADER_BYTES] + packed,
        batch_length=HEADER_BYTES - 12 + len(packed),
        attributes=read_header(batch).attributes | codec,
    )


def plain_records(batch: bytes) -> bytes:
    return decompress(read_header(batch).codec, batch[HEADER_BYTES:])


@given(PAIRS, PRODUCERS, st.sampled_from(sorted(CODECS.values())), TARGETS)
def test_only_the_codec_changes(
    pairs: list[tuple[bytes | None, bytes | None]], fields: dict[str, int], codec: int, target: Target
) -> None:
    plain = changed(build_batch(pairs, NOW_MS), **fields)
    came = in_codec(plain, codec)
    header = read_header(came)
    written = recompressed(header, plain_records(came), target)
    after = read_header(written)
    assert crc_matches(written, after)
    assert after.size_bytes == len(written)
    assert after._replace(**CHANGED_FIELDS) == header._replace(**CHANGED_FIELDS)
    assert after.attributes & ~CODEC_MASK == header.attributes & ~CODEC_MASK
    assert after.codec == target.codec or (codec == NONE and len(written) == len(came))
    assert list(records_of(written)) == list(records_of(plain))
    assert codec != NONE or len(written) <= len(came)


@given(PAIRS, st.sampled_from([GZIP, SNAPPY, LZ4, ZSTD]))
def test_a_topic_without_compression_has_the_records_as_they_are(
    pairs: list[tuple[bytes | None, bytes | None]], codec: int
) -> None:
    plain = build_batch(pairs, NOW_MS)
    came = in_codec(plain, codec)
    assert recompressed(read_header(came), plain_records(came), Target(NONE, 0, is_strict=True)) == plain


def test_records_that_do_not_shrink_stay_as_they_came() -> None:
    batch = build_batch([(None, os.urandom(5000))], NOW_MS)
    assert recompressed(read_header(batch), plain_records(batch), Target(ZSTD, 1, is_strict=False)) == batch


def test_the_brokers_time_is_set_with_the_codec() -> None:
    batch = build_batch([(None, b"v" * 5000)], 1)
    written = recompressed(read_header(batch), plain_records(batch), Target(ZSTD, 1, is_strict=False), NOW_MS)
    header = read_header(written)
    assert crc_matches(written, header)
    assert (header.attributes, header.base_timestamp, header.max_timestamp) == (LOG_APPEND_TIME | ZSTD, 1, NOW_MS)


@pytest.mark.parametrize(
    ("target", "changes"),
    [
        (Target(ZSTD, 1, is_strict=False), {NONE}),
        (Target(ZSTD, 1, is_strict=True), {NONE, GZIP, SNAPPY, LZ4}),
        (Target(NONE, 0, is_strict=True), {GZIP, SNAPPY, LZ4, ZSTD}),
    ],
)
def test_another_codec_is_changed_only_where_the_topic_names_its_own(target: Target, changes: set[int]) -> None:
    plain = build_batch([(None, b"v" * 5000)], NOW_MS)
    headers = [read_header(in_codec(plain, codec)) for codec in sorted(CODECS.values())]
    assert {header.codec for header in headers if target.applies_to(header)} == changes


def test_small_records_are_not_worth_it() -> None:
    target = Target(ZSTD, 1, is_strict=True)
    small = build_batch([(None, b"v" * (MIN_RECORDS_BYTES - 100))], NOW_MS)
    assert not target.applies_to(read_header(small))
    assert target.applies_to(read_header(build_batch([(None, b"v" * MIN_RECORDS_BYTES)], NOW_MS)))
