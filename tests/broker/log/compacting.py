"""Compacting a partition log in tests, and what a consumer then reads."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from logpost_broker.log.batch import CONTROL, TRANSACTIONAL, BatchHeader, whole_batches
from logpost_broker.log.cleaned_transactions import ABORT, COMMIT, marker_type
from logpost_broker.log.cleaning import Cleaning
from logpost_broker.log.compaction import CompactionLimits, plan_compaction
from logpost_broker.log.compression import compress
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.log.records import Record, build_batch, records_of
from logpost_broker.upkeep.compaction_run import CompactionRun, spans
from tests.broker.log.logs import NOW_MS, changed, sync

DAY_MS = 24 * 60 * 60 * 1000
MAP_BYTES = 1 << 20

_executor = ThreadPoolExecutor(1)

Pairs = Sequence[tuple[bytes | None, bytes | None]]


def batch_of(
    pairs: Pairs,
    *,
    codec: int = 0,
    timestamp_ms: int = NOW_MS,
    producer: int | None = None,
    sequence: int = 0,
    epoch: int = 0,
    transactional: bool = False,
) -> bytes:
    """A batch as a producer sends it."""
    batch = build_batch(pairs, timestamp_ms)
    records = compress(codec, batch[61:], 1)
    batch = batch[:61] + records
    fields = {"attributes": codec | (TRANSACTIONAL if transactional else 0), "batch_length": len(batch) - 12}
    if producer is not None:
        fields |= {"producer_id": producer, "producer_epoch": epoch, "base_sequence": sequence}
    return changed(batch, **fields)


def marker(producer: int, kind: int, *, epoch: int = 0) -> bytes:
    """What ends a transaction."""
    batch = build_batch([(struct.pack(">hh", 0, kind), struct.pack(">hi", 0, 0))], NOW_MS)
    return changed(
        batch, attributes=TRANSACTIONAL | CONTROL, producer_id=producer, producer_epoch=epoch, base_sequence=-1
    )


def put(log: PartitionLog, *pairs: tuple[bytes | None, bytes | None], codec: int = 0) -> int:
    """Append one batch; answers its base offset."""
    return log.append(batch_of(pairs, codec=codec), now_ms=NOW_MS).base_offset


def roll(log: PartitionLog) -> None:
    """End the active segment, and have everything on the disk."""
    log.roll_at(log.next_offset)
    sync(log, checkpoint=True)


def compact(
    log: PartitionLog,
    first_dirty_offset: int = 0,
    *,
    now_ms: int = NOW_MS,
    limits: CompactionLimits | None = None,
    map_bytes: int = MAP_BYTES,
) -> int:
    """Compact all that may be; returns where the next time begins."""
    limits = limits or CompactionLimits()
    plan = plan_compaction(
        spans(log),
        limits,
        first_dirty_offset=first_dirty_offset,
        log_start_offset=log.log_start_offset,
        upper_bound=log.recovery_point,
        now_ms=now_ms,
    )
    if plan.end_offset == plan.first_dirty_offset:
        return plan.first_dirty_offset
    step = cleaning(log, plan.first_dirty_offset, plan.end_offset, limits, now_ms, map_bytes)

    def remove(paths: Sequence[Path]) -> None:
        for path in paths:
            log.files.unlink(path)

    return asyncio.run(CompactionRun(log, step, limits, _executor, remove).run())


def cleaning(
    log: PartitionLog, first_dirty: int, end: int, limits: CompactionLimits, now_ms: int, map_bytes: int = MAP_BYTES
) -> Cleaning:
    return Cleaning(
        first_dirty_offset=first_dirty,
        upper_bound=end,
        now_ms=now_ms,
        delete_retention_ms=limits.delete_retention_ms,
        last_offsets=log.producers.last_offsets(),
        map_bytes=map_bytes,
        level_of=lambda codec: 1,
        pace=lambda size: None,
    )


def batches(log: PartitionLog) -> Iterator[tuple[BatchHeader, bytes]]:
    """All visible batches, as a consumer fetches them: from the log start on, each time behind the last."""
    offset = log.log_start_offset
    while offset < log.high_watermark:
        data = log.read(offset, 700)
        assert data, f"a consumer at {offset} of {log.high_watermark} gets nothing"
        for position, header in whole_batches(data):
            assert header.last_offset >= offset, "what was asked for comes first"
            yield header, data[position : position + header.size_bytes]
            offset = header.last_offset + 1


def visible(log: PartitionLog) -> list[Record]:
    """The records that a consumer of committed records is given, in the order of offsets."""
    given: list[Record] = []
    pending: dict[int, list[Record]] = {}
    for header, batch in batches(log):
        if header.attributes & CONTROL:
            records = pending.pop(header.producer_id, [])
            kind = marker_type(batch)
            assert kind in (ABORT, COMMIT) or header.record_count == 0
            assert header.record_count or not records, "a transaction lost its end"
            given += records if kind == COMMIT else []
            continue
        try:
            records = list(records_of(batch))
        except ValueError:
            continue
        if header.attributes & TRANSACTIONAL:
            pending.setdefault(header.producer_id, []).extend(records)
        else:
            given += records
    return sorted((record for record in given if record.offset >= log.log_start_offset), key=lambda one: one.offset)


def state(log: PartitionLog) -> dict[bytes, bytes]:
    """What a consumer knows that has read the log from its start."""
    known: dict[bytes, bytes] = {}
    for record in visible(log):
        if record.key is not None and record.value is not None:
            known[record.key] = record.value
        elif record.key is not None:
            known.pop(record.key, None)
    return known
