"""Whether a batch that another broker wrote, whole and with its CRC right, can stand where it does, and be read.

The CRC covers neither offset nor leader epoch, and says nothing of the records: their sender computed it.
"""

from __future__ import annotations

from logpost_broker.log.batch import CONTROL, HEADER_BYTES, BatchHeader, Buffer
from logpost_broker.log.checked import MAX_RELATIVE_OFFSET
from logpost_broker.log.kept_records import spans_in
from logpost_broker.log.limits import MAX_BATCH_RECORDS, MAX_RECORDS_BYTES
from logpost_broker.log.record_check import check_readable
from logpost_broker.log.unpacking import unpacked

MAX_LEADER_EPOCH = 2**30
"""No Kafka elects so often. Ours go on behind the highest that was imported, and have to fit into 31 bits."""
MAX_PRODUCER_ID = 2**62
"""Likewise; but a client may claim any, which is then never given out."""
MAX_OPENED_BYTES = HEADER_BYTES + MAX_RECORDS_BYTES


def misplaced(header: BatchHeader, segment_offset: int, next_offset: int) -> str:
    """Why a batch cannot be in the segment that begins at `segment_offset`, where `next_offset` is the first that is
    free; empty when it can."""
    if header.base_offset < next_offset:
        return f"its offset is {header.base_offset}, below those before it"
    if header.last_offset - segment_offset > MAX_RELATIVE_OFFSET:
        return f"its offset is {header.last_offset}, too far from the first of its segment"
    if header.partition_leader_epoch >= MAX_LEADER_EPOCH:
        return f"its leader epoch is {header.partition_leader_epoch}"
    if header.attributes & CONTROL and header.size_bytes > MAX_OPENED_BYTES:
        return f"it is the end of a transaction and has {header.size_bytes} bytes"
    return ""


def unreadable(header: BatchHeader, batch: Buffer) -> str:
    """Why consumers stumble over the records; empty when they do not. Costs what `log/limits.py` says. `batch` may be
    cut where it is larger than `MAX_OPENED_BYTES`."""
    if header.size_bytes > MAX_OPENED_BYTES:
        return f"it has {header.size_bytes} bytes, {MAX_OPENED_BYTES} are read"
    if not 0 <= header.record_count <= MAX_BATCH_RECORDS:
        return f"it says that it holds {header.record_count} records, 0 to {MAX_BATCH_RECORDS} are read"
    try:
        with unpacked(header, batch) as records:
            if header.record_count == header.last_offset_delta + 1 and not header.attributes & CONTROL:
                check_readable(header, batch, records)
            else:  # compaction took some
                for _ in spans_in(header, bytes(records)):
                    pass
    except ValueError as error:
        return str(error)
    return ""
