"""A deletion as records of its topic: parts with the places of its rows, and a header behind them. Pure.

A deletion without its header is none: its writer ended before all was written.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from itertools import chain, islice
from typing import Annotated

import msgspec
from msgspec import Meta

from logpost_web.deletion.kept import MAX_MS, Kept
from logpost_web.store.deleted import DeletedRow

PART_ROWS = 10_000
"""In one record, so that it stays below the 1 MB that a Kafka takes by default."""


INT64 = 2**63 - 1
Number = Annotated[int, Meta(ge=0, le=INT64)]
Number32 = Annotated[int, Meta(ge=0, le=2**32 - 1)]


class RecordError(ValueError):
    """A record that is none of a deletion. Somebody else wrote to the topic, or it was damaged."""


class Header(msgspec.Struct, kw_only=True):
    """`id` is its record's key. `rows` are in its parts. `is_cancelled`: its rows may come back."""

    id: Annotated[str, Meta(pattern=r"\A[\w.-]{1,100}\Z")]
    rows: Number
    created_ms: Annotated[int, Meta(ge=0, le=MAX_MS)]
    who: Annotated[str, Meta(max_length=1000)]
    kept: list[Kept] = []
    is_cancelled: bool = False


class _Part(msgspec.Struct, array_like=True):
    """`runs`: topic, its id, partition, and how many rows. `steps`: from one offset to the next."""

    runs: list[tuple[str, str, Annotated[int, Meta(ge=0, le=2**31 - 1)], Number]]
    steps: list[Number]
    streams: list[str]
    stream_of: list[Number32]
    starts: list[int]
    lengths: list[int]
    marks: list[Number32]

    def check(self) -> None:
        """Raises RecordError."""
        columns = (self.steps, self.stream_of, self.starts, self.lengths, self.marks)
        if {len(one) for one in columns} != {sum(count for *_, count in self.runs)}:
            raise RecordError("its columns are not of one length")
        if max(self.stream_of, default=-1) >= len(self.streams):
            raise RecordError("it names a stream that it has not")
        ends = map(operator.add, self.starts, self.lengths)
        if not all(0 <= one < 2**64 for one in chain(self.starts, ends)):
            raise RecordError("it is of bytes that no stream has")


def encode_header(header: Header) -> bytes:
    return msgspec.json.encode(header)


def decode_header(key: str, value: bytes) -> Header:
    """Raises RecordError."""
    try:
        header = msgspec.json.decode(value, type=Header)
    except msgspec.MsgspecError as error:
        raise RecordError(str(error)) from None
    if header.id != key:
        raise RecordError("it is of another deletion than its key")
    if not all(0 <= one.until_ms <= MAX_MS for one in header.kept):
        raise RecordError("a time is too large")
    return header


def part_key(deletion: str, number: int) -> str:
    return f"{deletion}/{number}"


def deletion_of(key: str) -> tuple[str, bool]:
    """The deletion that a key names, and whether it is that of a part."""
    deletion, slash, _ = key.partition("/")
    return deletion, bool(slash)


def encode_part(rows: Sequence[DeletedRow]) -> bytes:
    """`rows` of one deletion, in the order of their places."""
    runs: list[tuple[str, str, int, int]] = []
    numbers: dict[str, int] = {}
    part = _Part(runs, [], [], [], [], [], [row.mark for row in rows])
    before = 0
    for row in rows:
        place = (row.topic, row.topic_id, row.partition)
        if runs and runs[-1][:3] == place:
            runs[-1] = (*place, runs[-1][3] + 1)
        else:
            runs.append((*place, 1))
            before = 0
        part.steps.append(row.offset - before)
        before = row.offset
        part.stream_of.append(numbers.setdefault(row.stream_id, len(numbers)))
        part.starts.append(row.stream_from)
        part.lengths.append(row.stream_to - row.stream_from)
    part.streams = list(numbers)
    return msgspec.msgpack.encode(part)


def decode_part(deletion: str, value: bytes) -> list[DeletedRow]:
    """Raises RecordError."""
    try:
        part = msgspec.msgpack.decode(value, type=_Part)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RecordError(str(error)) from None
    part.check()
    rows: list[DeletedRow] = []
    columns = zip(part.steps, part.stream_of, part.starts, part.lengths, part.marks, strict=True)
    for topic, topic_id, partition, count in part.runs:
        offset = 0
        for step, stream, start, length, mark in islice(columns, count):
            offset += step
            if offset > INT64:
                raise RecordError("it is of an offset that no topic has")
            place = (deletion, topic, topic_id, partition, offset)
            rows.append(DeletedRow(*place, part.streams[stream], start, start + length, mark))
    return rows
