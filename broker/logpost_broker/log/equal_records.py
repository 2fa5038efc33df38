"""Records that follow each other with equal lengths, keys and values, without headers: looked at by columns, not one by
one.

Where the first of them is well-formed and its bytes that are neither content nor time nor offset stand at the same
places of all others, these are well-formed too. A column is a slice with a step: 1 ns a record, 10 to 12 columns.
"""

from __future__ import annotations

from typing import NamedTuple

from logpost_broker.log.records import read_varint, varint

RECORDS_A_COLUMN = 2_048
RECORDS_A_RUN = 40
"""Runs that are shorter in the mean, after the first few, cost more than the records one by one."""
FIRST_RUNS = 4
MIN_RECORDS = 128
"""Fewer are not worth a look at the first."""
MORE_FOLLOWS = 0x80
"""The bit of a byte of a varint that is not its last."""
FOLLOWED = bytes(range(MORE_FOLLOWS, 0x100))

SHORT = 64
"""Offset deltas of one byte."""
BLOCK = 8_192
"""Offset deltas of two bytes or less; from there on the third byte changes once per block."""
MOST = 128 * BLOCK
"""Offset deltas of three bytes or less."""
ONLY = bytes(delta << 1 for delta in range(SHORT))
LOW = bytes(delta << 1 & 0x7F | MORE_FOLLOWS for delta in range(BLOCK))
LAST_OF_TWO = bytes(delta >> 6 for delta in range(BLOCK))
MIDDLE = bytes(delta >> 6 | MORE_FOLLOWS for delta in range(BLOCK))


class Shape(NamedTuple):
    """Where the bytes of a record stand, from its beginning."""

    size_bytes: int
    time: int
    offset: int
    rest: tuple[int, ...]
    """Of the lengths, the attributes, and the number of headers, except the very first, which all begin with."""


def equal_records(data: bytes, position: int, count: int) -> tuple[int, int]:
    """How many of `count` records, from the first at `position` on, are well-formed at offset deltas 0, 1, 2 …, and
    where they end. The rest is not known to be wrong: it begins with records that are not equal."""
    done = runs = 0
    if not MIN_RECORDS <= count <= MOST:
        return done, position
    while count - done > 1 and (runs < FIRST_RUNS or done >= runs * RECORDS_A_RUN):
        shape = _shape(data, position, done)
        if shape is None:
            break
        run = _run(data, position, shape, done, count)
        if run == 0:
            break
        done += run
        position += run * shape.size_bytes
        runs += 1
    return done, position


def _shape(data: bytes, begin: int, delta: int) -> Shape | None:
    """Of the record at `begin`. None unless it is well-formed, without headers, and the next may be equal."""
    try:
        size_bytes, time = read_varint(data, begin)
        end = time + size_bytes
        time += 1  # behind the attributes
        if data[begin:time] != data[end : end + time - begin]:
            return None
        rest = list(range(begin + 1, time))
        _, offset = read_varint(data, time)
        at = offset + len(varint(delta))
        for _ in ("key", "value"):
            length, content = read_varint(data, at)
            rest += range(at, content)
            at = content + max(0, length)
        if data[at] != 0 or at + 1 != end:
            return None
    except (IndexError, ValueError):
        return None
    return Shape(end - begin, time - begin, offset - begin, tuple(place - begin for place in (*rest, at)))


def _run(data: bytes, begin: int, shape: Shape, delta: int, count: int) -> int:
    """How many records from `begin` on have this shape; 0 as well where it is not worth to find out."""
    step = shape.size_bytes
    as_long = (SHORT if delta < SHORT else BLOCK) - delta % BLOCK
    room = min(RECORDS_A_COLUMN, count - delta, as_long, (len(data) - begin) // step)
    first = data[begin : begin + room * step : step]
    run = room if first == first[:1] * room else room - len(first.lstrip(first[:1]))
    end = begin + run * step
    times = [data[begin + place : end : step] for place in range(shape.time, shape.offset)]
    if not times[-1].isascii() or any(column.translate(None, FOLLOWED) for column in times[:-1]):
        return 0
    for place, expected in enumerate(_offset_columns(delta, run), shape.offset):
        if data[begin + place : end : step] != expected:
            return 0
    for place in shape.rest:
        if data[begin + place : end : step] != data[begin + place : begin + place + 1] * run:
            return 0
    return run


def _offset_columns(delta: int, run: int) -> tuple[bytes, ...]:
    """The bytes of the varints of `run` offset deltas; `_run` lets them have as many bytes as the first."""
    if delta < SHORT:
        return (ONLY[delta : delta + run],)
    block, row = divmod(delta, BLOCK)
    rows = slice(row, row + run)
    if block == 0:
        return LOW[rows], LAST_OF_TWO[rows]
    return LOW[rows], MIDDLE[rows], bytes((block,)) * run
