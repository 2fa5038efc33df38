"""Whether the records of a batch can be read, all of them and no more: what is in a log must not stop its readers.

Records that differ only in their content go by columns, ten times as fast as aiokafka's compiled reader, which reads
the others, 20 times as fast as ours (docs/decisions). Ours has the last word on what that does not take: it wants names
of headers to be UTF-8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count, islice
from operator import attrgetter, eq
from typing import NamedTuple

from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch

from logpost_broker.log.batch import CODEC_MASK, HEADER, HEADER_BYTES, LENGTH_PREFIX_BYTES, BatchHeader, Buffer
from logpost_broker.log.compression import NONE
from logpost_broker.log.equal_records import equal_records
from logpost_broker.log.limits import PIECE_BYTES
from logpost_broker.log.records import decoded_records, read_varint

RECORDS_A_STEP = 4_096
"""Gone over in half a millisecond, by C that lets no other thread run."""
RECORDS_A_DECODED_STEP = 256
offset_of = attrgetter("offset")


def check_readable(
    header: BatchHeader, batch: Buffer, records: Buffer, give_way: Callable[[], None] | None = None
) -> None:
    """`records`: those of `batch`, decompressed. `give_way` is called now and then. Raises ValueError unless they are
    as many as the header says, at consecutive offsets, with nothing between and behind them, and none has more than
    `MAX_RECORD_HEADERS` headers."""
    data, start = (bytes(batch), HEADER_BYTES) if header.codec == NONE else (bytes(records), 0)
    equal, position = equal_records(data, start, header.record_count)
    if equal == header.record_count and position == len(data):
        return
    if equal == 0 and header.codec == NONE and len(records) <= PIECE_BYTES:
        is_quickly_read = _is_quickly_read(header.base_offset, header.record_count, batch, give_way)
    else:
        is_quickly_read = _are_pieces_read(header, data, position, equal, give_way)
    if not is_quickly_read:
        _check_decoded(header, records, give_way)


def _are_pieces_read(
    header: BatchHeader, data: bytes, position: int, index: int, give_way: Callable[[], None] | None
) -> bool:
    """Whether aiokafka's reader takes all from number `index` on, or ours those that are as large as a piece."""
    plain = header._replace(attributes=header.attributes & ~CODEC_MASK)
    try:
        for piece in _pieces(data, position, index, header.record_count):
            part = memoryview(data)[piece.start : piece.end]
            first = header.base_offset + piece.first
            if len(part) > PIECE_BYTES:
                _check_decoded(plain._replace(record_count=piece.records), part, give_way, piece.first)
            elif not _is_quickly_read(first, piece.records, _batch_of(plain, piece.records, part), give_way):
                return False
    except ValueError:
        return False
    return True


def _is_quickly_read(first: int, record_count: int, batch: Buffer, give_way: Callable[[], None] | None) -> bool:
    """Whether aiokafka reads `record_count` records of an uncompressed batch at consecutive offsets from `first` on."""
    try:
        found = map(offset_of, DefaultRecordBatch(batch))
        expected = count(first)
        for done in range(0, record_count, RECORDS_A_STEP):
            # Not one more than there are: the reader tells its end once, and then begins again.
            if not all(map(eq, islice(found, min(RECORDS_A_STEP, record_count - done)), expected)):
                return False
            if give_way is not None:
                give_way()
        return next(found, None) is None
    except (CorruptRecordException, UnicodeDecodeError, ValueError, OverflowError, MemoryError):
        return False


class _Piece(NamedTuple):
    """Some of the records of a batch: bytes [start, end), the first by its number in the batch, how many."""

    start: int
    end: int
    first: int
    records: int


def _pieces(data: bytes, position: int, first: int, record_count: int) -> Iterator[_Piece]:
    """Of `PIECE_BYTES` at most, or of one record that is larger; record `first` is at `position`. Cut by what records
    say of their length. Raises ValueError where that cannot be."""
    if len(data) - position <= PIECE_BYTES:
        yield _Piece(position, len(data), first, record_count - first)
        return
    start = position
    for index in range(first, record_count):
        end = _end_of(data, position)
        if end - start > PIECE_BYTES and index > first:
            yield _Piece(start, position, first, index - first)
            start, first = position, index
        position = end
    yield _Piece(start, len(data), first, record_count - first)


def _end_of(data: bytes, position: int) -> int:
    try:
        length, begin = read_varint(data, position)
    except IndexError:
        raise ValueError("a record is cut short") from None
    if length < 0 or begin + length > len(data):
        raise ValueError("a record is longer than what is there")
    return begin + length


def _batch_of(plain: BatchHeader, record_count: int, records: Buffer) -> bytes:
    length = HEADER_BYTES - LENGTH_PREFIX_BYTES + len(records)
    return b"".join((HEADER.pack(*plain._replace(batch_length=length, record_count=record_count)), records))


def _check_decoded(
    header: BatchHeader, records: Buffer, give_way: Callable[[], None] | None, first_index: int = 0
) -> None:
    for index, record in enumerate(decoded_records(header, bytes(records)), first_index):
        if record.offset != header.base_offset + index:
            raise ValueError(f"record {index} of a batch has offset delta {record.offset - header.base_offset}")
        if give_way is not None and index % RECORDS_A_DECODED_STEP == RECORDS_A_DECODED_STEP - 1:
            give_way()
