"""Batches that readers could not read, whatever makes them so: the fast check judges as the strict reader does."""

from __future__ import annotations

import os
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logpost_broker.log import equal_records, record_check
from logpost_broker.log.batch import HEADER, HEADER_BYTES, LENGTH_PREFIX_BYTES, BatchHeader, read_header
from logpost_broker.log.compression import GZIP, LZ4, NONE, SNAPPY, ZSTD, compress
from logpost_broker.log.equal_records import BLOCK, MIN_RECORDS, RECORDS_A_COLUMN
from logpost_broker.log.limits import MAX_RECORD_HEADERS, PIECE_BYTES
from logpost_broker.log.record_check import RECORDS_A_STEP, check_readable
from logpost_broker.log.records import build_batch, decoded_records, varint
from tests.broker.log.logs import NOW_MS

LEVELS = {NONE: 0, GZIP: 1, SNAPPY: 0, LZ4: 1, ZSTD: 1}


def a_record(
    index: int, *, time: int = 0, key: bytes | None = b"k", value: bytes | None = b"v", headers: bytes = b"\0"
) -> bytes:
    inside = b"\0" + varint(time) + varint(index)
    for part in (key, value):
        inside += b"\1" if part is None else varint(len(part)) + part
    inside += headers
    return varint(len(inside)) + inside


def header_of(count: int, codec: int = NONE) -> BatchHeader:
    built = read_header(build_batch([(None, b"v")], NOW_MS))
    return built._replace(attributes=codec, record_count=count, last_offset_delta=count - 1)


def check(records: bytes, count: int, codec: int = NONE) -> None:
    header = header_of(count, codec)._replace(batch_length=HEADER_BYTES - LENGTH_PREFIX_BYTES + len(records))
    check_readable(header, HEADER.pack(*header) + records, records)


def is_readable(records: bytes, count: int) -> bool:
    try:
        found = list(decoded_records(header_of(count), records))
    except ValueError:
        return False
    return [record.offset for record in found] == list(range(count))


@pytest.mark.parametrize("codec", LEVELS)
def test_good_records_pass(codec: int) -> None:
    pairs = [(os.urandom(number % 7) or None, os.urandom(number % 300)) for number in range(2 * RECORDS_A_STEP + 1)]
    batch = build_batch(pairs, NOW_MS)
    records = batch[HEADER_BYTES:]
    header = read_header(batch)._replace(attributes=codec)
    check_readable(header, batch[:HEADER_BYTES] + compress(codec, records, LEVELS[codec]), records)


@pytest.mark.parametrize("count", [1, RECORDS_A_STEP - 1, RECORDS_A_STEP, RECORDS_A_STEP + 1])
def test_good_records_need_no_second_look(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Which takes 25 times as long."""
    monkeypatch.delattr(record_check, "decoded_records")
    for codec in (NONE, ZSTD):
        check(b"".join(map(a_record, range(count))), count, codec)


def test_names_of_headers_are_bytes_of_any_kind() -> None:
    check(a_record(0, headers=b"\2\4\xff\xfe\2v"), 1)


ONE = a_record(0)
BAD = {
    "nothing": (b"", 1),
    "garbage": (os.urandom(100), 1),
    "a negative length": (b"\1" + bytes(10), 1),
    "a length of nothing": (b"\0", 1),
    "a length beyond the end": (varint(1000) + ONE[1:], 1),
    "a length that does not end": (b"\xff" * 20, 1),
    "a length cut short": (b"\x80", 1),
    "a length of 2 GB": (b"\xfe\xff\xff\xff\x0f", 1),
    "more records than said": (b"".join(map(a_record, range(5))), 1),
    "fewer records than said": (b"".join(map(a_record, range(5))), 6),
    "bytes behind the records": (ONE + b"\0", 1),
    "the same offset twice": (ONE + ONE, 2),
    "offsets with a gap": (ONE + a_record(2), 2),
    "an offset below the base": (a_record(-1), 1),
    "offsets going down": (a_record(1) + ONE, 2),
    "a key beyond the record": (b"\x0e\0\0\0\x28kv\0", 1),
    "a key that takes the next record": (b"\x0a\0\0\0\x10k" + ONE, 1),
    "a value beyond the record": (b"\x0e\0\0\0\2k\x28v\0", 1),
    "fewer than no headers": (a_record(0, headers=b"\1"), 1),
    "more headers than there are": (a_record(0, headers=b"\4\2n\2v"), 1),
    "a header without a name": (a_record(0, headers=b"\2\1\2v"), 1),
    "a header cut short": (a_record(0, headers=b"\2\2"), 1),
    "a record longer than its fields": (b"\x12" + ONE[1:] + b"\0", 1),
    "a record shorter than its fields": (b"\x0e" + ONE[1:], 1),
    "wrong behind the first step": (b"".join(map(a_record, range(RECORDS_A_STEP))) + ONE, RECORDS_A_STEP + 1),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("codec", [NONE, ZSTD])
def test_bad_records_are_found(name: str, codec: int) -> None:
    records, count = BAD[name]
    with pytest.raises(ValueError, match=r"."):
        check(records, count, codec)


def many_headers(count: int, header: bytes = b"\0\1") -> bytes:
    """A record with `count` headers: two bytes each, no name and a null, if nothing else is said."""
    return a_record(0, headers=varint(count) + header * count)


@pytest.mark.parametrize("codec", [NONE, ZSTD])
def test_a_record_has_so_many_headers(codec: int) -> None:
    check(many_headers(MAX_RECORD_HEADERS), 1, codec)
    with pytest.raises(ValueError, match="524289 headers"):
        check(many_headers(MAX_RECORD_HEADERS + 1), 1, codec)


BOMB = many_headers(10_000_000)
BOMBS = {
    "alone": (BOMB, 1),
    "with names": (many_headers(10_000_000, b"\4ab\4xy"), 1),
    "behind others": (b"".join(map(a_record, range(20_000))) + BOMB, 20_001),
    "longer than it says": (varint(6) + BOMB[len(varint(len(BOMB))) :], 1),
    "longer than it says, behind others": (
        b"".join(map(a_record, range(20_000))) + varint(6) + BOMB[len(varint(len(BOMB))) :],
        20_001,
    ),
    "shorter than it says": (varint(1 << 28) + BOMB[len(varint(len(BOMB))) :], 1),
}


@pytest.mark.parametrize("name", BOMBS)
def test_headers_by_the_million_take_no_memory(name: str) -> None:
    """10 kB on the wire, 800 MB to 2 GB and seconds without the GIL when they were read."""
    records, count = BOMBS[name]
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"."):
            check(records, count, ZSTD)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * len(records) + 100 * MAX_RECORD_HEADERS


LONG = os.urandom(PIECE_BYTES + 1)


@pytest.mark.parametrize("codec", [NONE, ZSTD])
@pytest.mark.parametrize("position", [0, 1, 5_000, 29_999])
def test_large_batches_are_read_in_pieces(codec: int, position: int) -> None:
    """With a record that is larger than a piece somewhere."""
    values = [b"v" * (200 + number % 7) for number in range(30_000)]
    values[position] = LONG
    good = [a_record(index, value=value) for index, value in enumerate(values)]
    check(b"".join(good), len(good), codec)
    for bad in (
        [*good, b"\0"],
        [*good[:-1], a_record(0, value=values[-1])],
        [*good[:7_000], a_record(7_001, value=values[7_000]), *good[7_001:]],
        good[:-1],
        [*good, a_record(len(good))],
    ):
        with pytest.raises(ValueError, match=r"."):
            check(b"".join(bad), len(good), codec)


def judged_alike(records: bytes, count: int) -> None:
    if is_readable(records, count):
        check(records, count)
    else:
        with pytest.raises(ValueError, match=r"."):
            check(records, count)


RECORDS = st.lists(st.binary(max_size=80), min_size=1, max_size=6).map(
    lambda values: [a_record(index, value=value) for index, value in enumerate(values)]
)


@given(RECORDS, st.data())
def test_it_judges_as_the_strict_reader_does(records: list[bytes], data: st.DataObject) -> None:
    changed = bytearray(b"".join(records))
    for _ in range(data.draw(st.integers(0, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(changed[: data.draw(st.integers(0, len(changed)) | st.just(len(changed)))])
    count = len(records) + data.draw(st.sampled_from([0, 0, 0, 1, -1]))
    if count < 1:
        return
    judged_alike(cut, count)


def equal_records_of(count: int, key: bytes | None = b"k", value: bytes | None = b"v", *, step_ms: int = 0) -> bytes:
    return b"".join(a_record(index, time=index * step_ms, key=key, value=value) for index in range(count))


EQUAL: dict[str, tuple[bytes | None, bytes | None]] = {
    "values": (b"k", b"v"),
    "no keys": (None, b"v"),
    "empty": (b"", b""),
    "tombstones": (b"k", None),
    "lengths of two bytes": (b"k" * 70, b"v" * 300),
}


@pytest.mark.parametrize("name", EQUAL)
@pytest.mark.parametrize("count", [MIN_RECORDS, RECORDS_A_COLUMN + 1, 2 * BLOCK + 100])
def test_equal_records_are_not_looked_at_one_by_one(monkeypatch: pytest.MonkeyPatch, name: str, count: int) -> None:
    """Which takes ten times as long. Their offset deltas have one to three bytes."""
    monkeypatch.delattr(record_check, "DefaultRecordBatch")
    check(equal_records_of(count, *EQUAL[name]), count)


def test_times_that_grow_longer_are_looked_at_in_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(record_check, "DefaultRecordBatch")
    check(equal_records_of(2_000, step_ms=10), 2_000)


BYTES = (0, 1, 2, 3, 4, 0x7F, 0x80, 0xFF)


def changed(record: bytes, place: int, byte: int | None) -> bytes:
    return record[:place] + (b"" if byte is None else bytes((byte,))) + record[place + 1 :]


@pytest.mark.parametrize("time", [0, 100])
@pytest.mark.parametrize("index", [0, 1, 63, 64, 65, 198, 199])
def test_no_byte_of_equal_records_is_overlooked(index: int, time: int) -> None:
    records = [a_record(each, time=time) for each in range(200)]
    before, record, after = b"".join(records[:index]), records[index], b"".join(records[index + 1 :])
    for place in range(len(record)):
        for byte in (*BYTES, record[place] ^ 2, None):
            judged_alike(before + changed(record, place, byte) + after, 200)


@pytest.mark.parametrize("time", [0, 100])
def test_what_is_wrong_in_all_records_alike_is_found(time: int) -> None:
    records = [a_record(index, time=time) for index in range(200)]
    for place in range(-4, 8):
        for byte in (*BYTES, None):
            judged_alike(b"".join(changed(record, place % len(record), byte) for record in records), 200)


@given(
    st.binary(max_size=3) | st.none(),
    st.integers(0, 70) | st.none(),
    st.lists(st.tuples(st.integers(1, 100), st.integers(-70, 20_000)), min_size=1, max_size=4),
    st.data(),
)
def test_runs_of_equal_records_are_judged_as_the_strict_reader_does(
    key: bytes | None, size: int | None, runs: list[tuple[int, int]], data: st.DataObject
) -> None:
    """Runs end because times, offsets or values grow longer; then a few bytes are changed in all records or in one."""
    times = [time for length, time in runs for _ in range(length)] + [7] * MIN_RECORDS
    value = None if size is None else b"v" * size
    records = [a_record(index, time=time, key=key, value=value) for index, time in enumerate(times)]
    if data.draw(st.booleans()):
        place, byte = data.draw(st.integers(0, 9)), data.draw(st.integers(0, 255))
        records = [record[:place] + bytes((byte,)) + record[place + 1 :] for record in records]
    changed = bytearray(b"".join(records))
    for _ in range(data.draw(st.integers(0, 2))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    judged_alike(bytes(changed), len(records) + data.draw(st.sampled_from([0, 0, 0, 1, -1])))


def test_records_that_are_equal_for_a_while_cost_no_more_than_others() -> None:
    """Looking for runs ends when they are short: else each would cost a column."""
    records = b"".join(a_record(index, value=b"v" * (100 + index // 2 % 2)) for index in range(1_000))
    done, _ = equal_records.equal_records(records, 0, 1_000)
    assert done < MIN_RECORDS
    check(records, 1_000)
