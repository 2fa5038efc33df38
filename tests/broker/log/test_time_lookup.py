"""Lookups by time in batches that are in the log already, whatever made them: they end, in bounded memory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from logpost_broker.log.batch import LOG_APPEND_TIME
from logpost_broker.log.compression import GZIP, LZ4, NONE, SNAPPY, ZSTD
from logpost_broker.log.limits import MAX_BATCH_RECORDS, MAX_RECORDS_BYTES, UNPACKED_AT_ONCE_BYTES
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.log.records import build_batch, varint
from logpost_broker.log.time_lookup import TimestampedOffset, lookup_of
from logpost_broker.turns import Turns
from tests.broker.log.compacting import batch_of
from tests.broker.log.logs import NOW_MS, append, changed, open_log, sync

CODECS = [GZIP, SNAPPY, LZ4, ZSTD]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[PartitionLog]:
    log = open_log(tmp_path / "t-0", segment_bytes=1 << 30)
    yield log
    log.close()


def found(log: PartitionLog, *times: int) -> list[int | None]:
    """The offsets for times, asked for all at once."""
    sync(log)

    async def ask() -> list[TimestampedOffset | None]:
        turns = Turns()
        return await asyncio.gather(*(turns.run(lookup_of(log, time)) for time in times))

    return [None if one is None else one.offset for one in asyncio.run(ask())]


@pytest.mark.parametrize("codec", [NONE, *CODECS])
@pytest.mark.parametrize("value_bytes", [10, UNPACKED_AT_ONCE_BYTES // 3])
def test_the_first_record_is_found_in_batches_of_all_sizes(log: PartitionLog, codec: int, value_bytes: int) -> None:
    append(log, b"before", timestamp_ms=NOW_MS - 10)
    log.append(batch_of([(b"k", bytes(value_bytes))] * 4, codec=codec), now_ms=NOW_MS)
    append(log, b"behind", timestamp_ms=NOW_MS + 10)
    times = [NOW_MS - 10, NOW_MS - 9, NOW_MS, NOW_MS + 1, NOW_MS + 11]
    assert found(log, *times, *times) == [0, 1, 1, 5, None] * 2


def test_the_brokers_time_is_that_of_all_records(log: PartitionLog) -> None:
    log.append(changed(batch_of([(b"k", b"v")] * 4, timestamp_ms=1), attributes=LOG_APPEND_TIME), now_ms=NOW_MS)
    log.append(batch_of([(b"k", b"v")], timestamp_ms=2), now_ms=NOW_MS)
    assert found(log, 0, 1, 2, 3) == [0, 0, 4, None]


@pytest.mark.parametrize("codec", CODECS)
def test_a_bomb_or_garbage_in_the_log_is_pointed_at(
    log: PartitionLog, codec: int, caplog: pytest.LogCaptureFixture
) -> None:
    append(log, b"before", timestamp_ms=NOW_MS - 10)
    log.append(batch_of([(b"k", bytes(MAX_RECORDS_BYTES))], codec=codec), now_ms=NOW_MS)
    log.append(changed(build_batch([(b"k", b"v" * 100)], NOW_MS + 1), attributes=codec), now_ms=NOW_MS)
    append(log, b"behind", timestamp_ms=NOW_MS + 2)
    assert found(log, NOW_MS - 10, NOW_MS, NOW_MS + 1, NOW_MS + 2) == [0, 1, 2, 3]
    assert "00000000000000000000.log position" in caplog.text


def test_a_batch_of_too_many_records_is_pointed_at(log: PartitionLog) -> None:
    batch = batch_of([(b"k", b"v")], codec=ZSTD)
    log.append(changed(batch, record_count=MAX_BATCH_RECORDS + 1, last_offset_delta=MAX_BATCH_RECORDS), now_ms=NOW_MS)
    append(log, b"behind", timestamp_ms=NOW_MS + 2)
    assert found(log, NOW_MS - 1, NOW_MS + 1) == [0, MAX_BATCH_RECORDS + 1]


def test_headers_are_not_read_in_a_lookup(log: PartitionLog) -> None:
    """By the million they took seconds on the event loop."""
    count = 10_000_000
    inside = b"\0\0\0\1\1" + varint(count) + b"\0\1" * count
    plain = build_batch([(None, b"v")], NOW_MS)[:61]
    records = varint(len(inside)) + inside
    log.append(changed(plain + records, batch_length=len(plain) - 12 + len(records)), now_ms=NOW_MS)
    assert found(log, NOW_MS, NOW_MS + 1) == [0, None]
