"""Partition logs and batches for tests."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from crc32c import crc32c

from logpost_broker.log.batch import CRC_START, HEADER, HEADER_BYTES, BatchHeader, read_header
from logpost_broker.log.files import Files
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.log.records import build_batch, records_in
from logpost_broker.log.recovery import LastKnown, recover
from logpost_broker.log.segment import RollLimits
from logpost_broker.log.system import System

NOW_MS = 1_800_000_000_000


def open_log(
    directory: Path,
    *,
    segment_bytes: int = 1 << 20,
    limits: RollLimits | None = None,
    known: LastKnown | None = None,
    system: System = os,
) -> PartitionLog:
    """The log in `directory`, as after a crash unless `known` says otherwise."""
    directory.mkdir(parents=True, exist_ok=True)
    log = PartitionLog(directory, Files(system=system), limits or RollLimits(size_bytes=segment_bytes), leader_epoch=3)
    recover(log, known or LastKnown(), now_ms=NOW_MS)
    return log


def sync(log: PartitionLog, *, checkpoint: bool = False) -> None:
    job = log.begin_sync(checkpoint=checkpoint, now_ms=NOW_MS)
    job.run()
    log.end_sync(job)


def close_cleanly(log: PartitionLog) -> LastKnown:
    """Close as a broker that stops in order; returns what its checkpoints then say."""
    sync(log, checkpoint=True)
    log.close()
    return LastKnown(clean=True, log_start_offset=log.log_start_offset, recovery_point=log.recovery_point)


def append(log: PartitionLog, *values: bytes, timestamp_ms: int = NOW_MS) -> int:
    """Append one batch; answers its base offset."""
    batch = build_batch([(None, value) for value in values], timestamp_ms)
    return log.append(batch, now_ms=NOW_MS).base_offset


def values_from(log: PartitionLog, offset: int, max_bytes: int = 1 << 20) -> list[bytes | None]:
    """The values that one read from `offset` gives."""
    return [record.value for record in records_in(log.read(offset, max_bytes)) if record.offset >= offset]


def changed(batch: bytes, **fields: int) -> bytes:
    """The batch with other header fields and a CRC that is right for them."""
    header = read_header(batch)._replace(**fields)
    body = HEADER.pack(*header)[CRC_START:] + batch[HEADER_BYTES:]
    crc = fields.get("crc", crc32c(body))
    return HEADER.pack(*header._replace(crc=crc)) + batch[HEADER_BYTES:]


def idempotent(
    producer_id: int, sequence: int, values: Sequence[bytes], epoch: int = 0, timestamp_ms: int = NOW_MS
) -> bytes:
    """A batch of an idempotent producer."""
    batch = build_batch([(None, value) for value in values], timestamp_ms)
    return changed(batch, producer_id=producer_id, producer_epoch=epoch, base_sequence=sequence)


def header_of(batch: bytes, base_offset: int) -> BatchHeader:
    """The batch's header as it is in a log at `base_offset`."""
    return read_header(batch)._replace(base_offset=base_offset)
