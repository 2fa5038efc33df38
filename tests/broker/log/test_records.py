"""Records inside batches: written by us, by any codec, or malformed."""

from __future__ import annotations

from collections.abc import Callable

import cramjam
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from kio.records.readers import read_batch

from logpost_broker.log.batch import HEADER_BYTES, crc_matches, read_header
from logpost_broker.log.compression import GZIP, LZ4, SNAPPY, XERIAL_MAGIC, ZSTD
from logpost_broker.log.records import build_batch, records_in, records_of
from tests.broker.log.logs import changed

NULLABLE = st.none() | st.binary(max_size=300)
PAIRS = st.lists(st.tuples(NULLABLE, NULLABLE), min_size=1, max_size=20)


@given(PAIRS, st.integers(0, 2**50))
def test_what_is_built_is_read_back(pairs: list[tuple[bytes | None, bytes | None]], timestamp_ms: int) -> None:
    batch = build_batch(pairs, timestamp_ms)
    assert crc_matches(batch, read_header(batch))
    assert [(record.offset, record.timestamp_ms, record.key, record.value) for record in records_of(batch)] == [
        (offset, timestamp_ms, key, value) for offset, (key, value) in enumerate(pairs)
    ]


def test_another_implementation_reads_what_is_built() -> None:
    batch, _ = read_batch(build_batch([(b"a", None), (None, b"b" * 200)], 1_000_000), 0)
    assert [(record.key, record.value) for record in batch.records] == [(b"a", None), (None, b"b" * 200)]


def xerial(data: bytes) -> bytes:
    """Snappy as Java producers frame it, in blocks."""
    blocks = [bytes(cramjam.snappy.compress_raw(data[start : start + 50])) for start in range(0, len(data), 50)]
    return XERIAL_MAGIC + b"\0\0\0\1\0\0\0\1" + b"".join(len(block).to_bytes(4, "big") + block for block in blocks)


@pytest.mark.parametrize(
    ("codec", "compress"),
    [
        (GZIP, cramjam.gzip.compress),
        (SNAPPY, cramjam.snappy.compress_raw),
        (SNAPPY, xerial),
        (LZ4, cramjam.lz4.compress),
        (ZSTD, zstandard.ZstdCompressor().compress),
        (ZSTD, zstandard.ZstdCompressor(write_content_size=False).compress),
    ],
)
def test_every_codec_is_read(codec: int, compress: Callable[[bytes], bytes]) -> None:
    plain = build_batch([(None, b"x" * 100), (None, b"y" * 100)], 1)
    body = bytes(compress(plain[HEADER_BYTES:]))
    batch = changed(plain[:HEADER_BYTES] + body, attributes=codec, batch_length=HEADER_BYTES - 12 + len(body))
    assert [record.value for record in records_of(batch)] == [b"x" * 100, b"y" * 100]


@given(st.integers(0, 4), st.binary(max_size=100))
def test_records_that_are_none_are_a_value_error(codec: int, body: bytes) -> None:
    batch = changed(
        build_batch([(None, b"v")], 1)[:HEADER_BYTES] + body,
        attributes=codec,
        batch_length=HEADER_BYTES - 12 + len(body),
        record_count=3,
    )
    with pytest.raises(ValueError, match=r"batch|decompress"):
        list(records_of(batch))


def test_records_of_several_batches_are_read_in_order() -> None:
    batches = [changed(build_batch([(None, b"%d" % offset)], 1), base_offset=offset) for offset in range(3)]
    data = b"".join(batches) + batches[0][:30]
    assert [(record.offset, record.value) for record in records_in(data)] == [(0, b"0"), (1, b"1"), (2, b"2")]
