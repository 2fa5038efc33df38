"""A deletion as records of its topic: parts with the places of its rows, and a header behind them. Pure.

A deletion without its header is none: its writer ended before all was written.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from logpost_web.deletion.kept import Kept
from logpost_web.store.deleted import DeletedRow

PART_ROWS = 10_000
"""In one record, so that it stays below the 1 MB that a Kafka takes by default."""


class Header(msgspec.Struct, kw_only=True):
    """`id` is its record's key. `is_cancelled`: its rows may come back."""

    id: str
    rows: int
    created_ms: int
    who: str
    kept: list[Kept] = []
    is_cancelled: bool = False


class _Part(msgspec.Struct, array_like=True):
    """`runs`: topic, its id, partition, and how many rows. `steps`: from one offset to the next."""

    runs: list[tuple[str, str, int, int]]
    steps: list[int]
    streams: list[str]
    stream_of: list[int]
    starts: list[int]
    lengths: list[int]
    marks: list[int]


def encode_header(header: Header) -> bytes:
    return msgspec.json.encode(header)


def decode_header(value: bytes) -> Header:
    """Raises msgspec.MsgspecError."""
    return msgspec.json.decode(value, type=Header)


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
    """Raises msgspec.MsgspecError."""
    part = msgspec.msgpack.decode(value, type=_Part)
    rows: list[DeletedRow] = []
    columns = zip(part.steps, part.stream_of, part.starts, part.lengths, part.marks, strict=True)
    for topic, topic_id, partition, count in part.runs:
        offset = 0
        for _ in range(count):
            step, stream, start, length, mark = next(columns)
            offset += step
            place = (deletion, topic, topic_id, partition, offset)
            rows.append(DeletedRow(*place, part.streams[stream], start, start + length, mark))
    return rows
