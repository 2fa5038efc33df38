"""A deletion as records, and back."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logpost_web.deletion.kept import Kept
from logpost_web.deletion.record import (
    Header,
    RecordError,
    decode_header,
    decode_part,
    deletion_of,
    encode_header,
    encode_part,
    part_key,
)
from logpost_web.store.deleted import DeletedRow

NUMBERS = st.integers(0, 2**62)
ROWS = st.builds(
    lambda topic, partition, offset, stream, start, length, mark: DeletedRow(
        "d", topic, f"{topic}-id", partition, offset, stream, start, start + length, mark
    ),
    topic=st.sampled_from(["logs", "logs-b"]),
    partition=st.integers(0, 2),
    offset=NUMBERS,
    stream=st.sampled_from(["", "a", "b"]),
    start=NUMBERS,
    length=st.integers(0, 2**20),
    mark=st.integers(0, 2**32 - 1),
)


@given(st.lists(ROWS))
def test_what_is_written_is_read(rows: list[DeletedRow]) -> None:
    rows.sort(key=lambda row: (row.topic, row.topic_id, row.partition, row.offset))
    assert decode_part("d", encode_part(rows)) == rows


def test_a_header_is_read_as_it_was_written() -> None:
    header = Header(id="d", rows=3, created_ms=5, who="10.0.0.1", kept=[Kept(topic="logs", until_ms=7)])
    assert decode_header("d", encode_header(header)) == header


def test_keys_tell_parts_from_headers() -> None:
    assert deletion_of("d") == ("d", False)
    assert deletion_of(part_key("d", 4)) == ("d", True)


HEADER = {"id": "d", "rows": 3, "created_ms": 5, "who": "somebody"}


@pytest.mark.parametrize(
    "value",
    [
        b"\xff\x00",
        b"{}",
        *(
            json.dumps({**HEADER, **spoiled}).encode()
            for spoiled in (
                {"id": "another"},
                {"rows": -1},
                {"rows": "many"},
                {"created_ms": 2**62},
                {"who": "a" * 1001},
                {"kept": [{"topic": "t", "until_ms": 2**62}]},
            )
        ),
    ],
)
def test_what_is_no_header_is_refused(value: bytes) -> None:
    with pytest.raises(RecordError):
        decode_header("d", value)


def test_an_id_that_would_break_a_line_is_refused() -> None:
    with pytest.raises(RecordError):
        decode_header("d\ne", json.dumps({**HEADER, "id": "d\ne"}).encode())


RUN = ("logs", "id", 0, 2)
PART: list[object] = [[RUN], [5, 1], ["s"], [0, 0], [0, 10], [10, 10], [1, 2]]


@pytest.mark.parametrize(
    ("column", "spoiled"),
    [
        (0, [[*RUN[:3], 10**12]]),
        (0, [[*RUN[:3], 1]]),
        (0, [[*RUN[:2], 2**31, 2]]),
        (0, [[*RUN[:2], -1, 2]]),
        (1, [5]),
        (1, [-1, 2]),
        (1, [2**63 - 1, 2]),
        (2, []),
        (3, [0, 7]),
        (3, [0, -1]),
        (4, [2**64 - 1, 0]),
        (5, [10, -11]),
        (6, [0, 2**32]),
        (6, None),
    ],
)
def test_what_is_no_part_is_refused(column: int, spoiled: object) -> None:
    assert len(decode_part("d", msgspec.msgpack.encode(PART))) == 2
    with pytest.raises(RecordError):
        decode_part("d", msgspec.msgpack.encode([*PART[:column], spoiled, *PART[column + 1 :]]))


@pytest.mark.parametrize("value", [b"", b"\xc1", b"\x90", msgspec.msgpack.encode("no list")])
def test_bytes_that_are_no_part_are_refused(value: bytes) -> None:
    with pytest.raises(RecordError):
        decode_part("d", value)
