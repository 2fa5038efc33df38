"""What unpacks to much does so alone, and what does not unpack says why."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from logpost_broker.log.batch import HEADER_BYTES, read_header
from logpost_broker.log.compression import GZIP, LZ4, NONE, SNAPPY, ZSTD
from logpost_broker.log.limits import MAX_RECORDS_BYTES, UNPACKED_AT_ONCE_BYTES
from logpost_broker.log.records import build_batch
from logpost_broker.log.unpacking import unpacked, unpacked_at_once
from tests.broker.log.compacting import batch_of
from tests.broker.log.logs import NOW_MS, changed

CODECS = [GZIP, SNAPPY, LZ4, ZSTD]
SECONDS = 60


def in_codec(codec: int, value_bytes: int) -> bytes:
    return batch_of([(b"k", bytes(value_bytes))], codec=codec)


@pytest.mark.parametrize("codec", [NONE, *CODECS])
def test_a_small_batch_is_unpacked_at_once(codec: int) -> None:
    batch = in_codec(codec, 1000)
    records = build_batch([(b"k", bytes(1000))], NOW_MS)[HEADER_BYTES:]
    assert unpacked_at_once(read_header(batch), batch) == records
    with unpacked(read_header(batch), batch + b"of the next") as found:
        assert found == records


@pytest.mark.parametrize("codec", CODECS)
def test_no_two_large_ones_are_there_at_once(codec: int) -> None:
    large, small = in_codec(codec, UNPACKED_AT_ONCE_BYTES), in_codec(codec, 1000)
    assert unpacked_at_once(read_header(large), large) is None
    is_open = threading.Event()

    def opened(batch: bytes) -> int:
        with unpacked(read_header(batch), batch) as records:
            is_open.set()
            return len(records)

    with ThreadPoolExecutor(2) as pool:
        with unpacked(read_header(large), large):
            other = pool.submit(opened, large)
            assert pool.submit(opened, small).result(SECONDS) > 1000, "what is small never waits"
            assert not other.done()
        assert other.result(SECONDS) > UNPACKED_AT_ONCE_BYTES
    assert is_open.is_set()


@pytest.mark.parametrize("codec", CODECS)
def test_what_cannot_be_unpacked_says_so_and_leaves_room_for_the_next(codec: int) -> None:
    bomb = in_codec(codec, MAX_RECORDS_BYTES)
    garbage = changed(build_batch([(b"k", b"v" * 100)], NOW_MS), attributes=codec)
    for batch in (bomb, garbage, bomb):
        assert unpacked_at_once(read_header(batch), batch) is None
        with pytest.raises(ValueError, match=r"records"), unpacked(read_header(batch), batch):
            pass
