"""Every codec gives back what it was given, and none takes more memory than it may."""

from __future__ import annotations

import gzip
import time
from concurrent.futures import ThreadPoolExecutor

import cramjam
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from logpost_broker.log.compression import (
    CODECS,
    GZIP,
    LZ4,
    NONE,
    ROOM_BYTES,
    SNAPPY,
    XERIAL_MAGIC,
    ZSTD,
    compress,
    decompress,
)
from logpost_broker.log.limits import MAX_RECORDS_BYTES, MAX_UNSIZED_BYTES

PACKING = sorted({*CODECS.values()} - {NONE})
LEVELS = {GZIP: (-1, 1, 9), SNAPPY: (0,), LZ4: (1, 9, 17), ZSTD: (-131072, 1, 3, 22)}


@given(st.sampled_from(PACKING), st.binary(max_size=3000), st.data())
def test_what_is_compressed_comes_back(codec: int, content: bytes, data: st.DataObject) -> None:
    level = data.draw(st.sampled_from(LEVELS[codec]))
    assert decompress(codec, compress(codec, memoryview(content), level)) == content


def test_lz4_blocks_are_independent_which_java_clients_need() -> None:
    flags = compress(LZ4, b"x" * 200_000, 9)[4]
    assert flags & 0b0010_0000


@pytest.mark.parametrize("codec", PACKING)
def test_threads_unpack_side_by_side_whatever_the_size(codec: int) -> None:
    """Also what has no room in the memory that a thread keeps."""
    contents = [bytes((number,)) * (ROOM_BYTES + number - 2) for number in range(5)] * 4
    packed = [compress(codec, content, 1) for content in contents]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(decompress, [codec] * len(packed), packed)) == contents


@pytest.mark.parametrize("codec", PACKING)
def test_a_bomb_stops_at_the_limit(codec: int) -> None:
    bomb = compress(codec, bytes(2_000_000), 1)
    assert len(decompress(codec, bomb, 2_000_000)) == 2_000_000
    with pytest.raises(ValueError, match="records"):
        decompress(codec, bomb, 1_999_999)


def test_bombs_in_many_pieces_stop_at_the_limit() -> None:
    block = bytes(cramjam.snappy.compress_raw(bytes(MAX_RECORDS_BYTES // 10)))
    framed = XERIAL_MAGIC + bytes(8) + (len(block).to_bytes(4, "big") + block) * 11
    members = gzip.compress(bytes(MAX_RECORDS_BYTES // 10), 1) * 11
    without_size = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(MAX_RECORDS_BYTES + 1))
    for codec, bomb in ((SNAPPY, framed), (GZIP, members), (ZSTD, without_size)):
        with pytest.raises(ValueError, match="records"):
            decompress(codec, bomb)


def test_a_gzip_file_of_many_members_takes_no_longer_than_its_bytes() -> None:
    """zlib copies what is behind each member."""
    empty = gzip.compress(b"", mtime=0)
    packed = empty * 100_000 + gzip.compress(b"at last")
    begin = time.thread_time()
    assert decompress(GZIP, packed) == b"at last"
    assert time.thread_time() - begin < 5, "100,000 times a copy of 1 MB takes 20 s"


def test_zstd_that_does_not_say_its_size_is_a_third_of_others() -> None:
    """librdkafka, which guesses it, unpacks no more for sure."""
    compressor = zstandard.ZstdCompressor(write_content_size=False)
    assert len(decompress(ZSTD, compressor.compress(bytes(MAX_UNSIZED_BYTES)))) == MAX_UNSIZED_BYTES
    with pytest.raises(ValueError, match="records"):
        decompress(ZSTD, compressor.compress(bytes(MAX_UNSIZED_BYTES + 1)))


@pytest.mark.parametrize("codec", PACKING)
def test_what_is_cut_short_is_an_error(codec: int) -> None:
    packed = compress(codec, b"0123456789" * 100, 1)
    for size in range(0 if codec != GZIP else 1, len(packed) - 1):
        with pytest.raises(ValueError, match="records"):
            decompress(codec, packed[:size])
