"""A deletion as records, and back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from logpost_web.deletion.kept import Kept
from logpost_web.deletion.record import (
    Header,
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
    assert decode_header(encode_header(header)) == header


def test_keys_tell_parts_from_headers() -> None:
    assert deletion_of("d") == ("d", False)
    assert deletion_of(part_key("d", 4)) == ("d", True)
