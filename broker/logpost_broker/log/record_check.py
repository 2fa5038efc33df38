"""Whether the records of a batch can be read, all of them and no more: what is in a log must not stop its readers.

aiokafka's compiled reader goes over a record in 0.1 µs, 25 times as fast as ours (docs/decisions). Ours has the last
word on what it does not take: it wants names of headers to be UTF-8.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count, islice
from operator import attrgetter, eq

from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch

from logpost_broker.log.batch import CODEC_MASK, HEADER, HEADER_BYTES, LENGTH_PREFIX_BYTES, BatchHeader, Buffer
from logpost_broker.log.compression import NONE
from logpost_broker.log.records import decoded_records

RECORDS_A_STEP = 4_096
"""Gone over in half a millisecond, by C that lets no other thread run."""
RECORDS_A_DECODED_STEP = 256
offset_of = attrgetter("offset")


def check_readable(
    header: BatchHeader, batch: Buffer, records: Buffer, give_way: Callable[[], None] | None = None
) -> None:
    """`records`: those of `batch`, decompressed. `give_way` is called now and then. Raises ValueError unless they are
    as many as the header says, at consecutive offsets, with nothing between and behind them."""
    try:
        found = map(offset_of, DefaultRecordBatch(batch if header.codec == NONE else _uncompressed(header, records)))
        expected = count(header.base_offset)
        for done in range(0, header.record_count, RECORDS_A_STEP):
            # Not one more than there are: the reader tells its end once, and then begins again.
            if not all(map(eq, islice(found, min(RECORDS_A_STEP, header.record_count - done)), expected)):
                break
            if give_way is not None:
                give_way()
        else:
            if next(found, None) is None:
                return
    except (CorruptRecordException, UnicodeDecodeError, ValueError, OverflowError, MemoryError):
        pass
    _check_decoded(header, records, give_way)


def _uncompressed(header: BatchHeader, records: Buffer) -> bytes:
    plain = header._replace(
        attributes=header.attributes & ~CODEC_MASK, batch_length=HEADER_BYTES - LENGTH_PREFIX_BYTES + len(records)
    )
    return b"".join((HEADER.pack(*plain), records))


def _check_decoded(header: BatchHeader, records: Buffer, give_way: Callable[[], None] | None) -> None:
    for index, record in enumerate(decoded_records(header, bytes(records))):
        if record.offset != header.base_offset + index:
            raise ValueError(f"record {index} of a batch has offset delta {record.offset - header.base_offset}")
        if give_way is not None and index % RECORDS_A_DECODED_STEP == RECORDS_A_DECODED_STEP - 1:
            give_way()
