"""Taking the records of a batch out of their codec, within one bound for the whole process.

A few kilobytes may unpack to `MAX_RECORDS_BYTES`. Up to `UNPACKED_AT_ONCE_BYTES` any thread does so when it likes;
what is larger waits until the one before is done with. So all who open batches together take three times
`MAX_RECORDS_BYTES` (what was unpacked is copied by some codecs, and where one record is most of it) and a few times
`UNPACKED_AT_ONCE_BYTES`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from logpost_broker.log.batch import HEADER_BYTES, BatchHeader, Buffer
from logpost_broker.log.compression import NONE, decompress
from logpost_broker.log.limits import UNPACKED_AT_ONCE_BYTES

_one_at_a_time = threading.Lock()


def unpacked_at_once(header: BatchHeader, batch: Buffer) -> Buffer | None:
    """The records of one whole batch; None where they are not to be had without `unpacked`, which says why."""
    records = memoryview(batch)[HEADER_BYTES : header.size_bytes]
    if header.codec == NONE:
        return records
    try:
        return decompress(header.codec, records, UNPACKED_AT_ONCE_BYTES)
    except ValueError:
        return None


@contextmanager
def unpacked(header: BatchHeader, batch: Buffer) -> Iterator[Buffer]:
    """The records of one whole batch, not to be kept. May wait for another thread. Raises ValueError where they do not
    unpack, or to more than `MAX_RECORDS_BYTES`."""
    records = unpacked_at_once(header, batch)
    if records is not None:
        yield records
        return
    with _one_at_a_time:
        yield decompress(header.codec, memoryview(batch)[HEADER_BYTES : header.size_bytes])
