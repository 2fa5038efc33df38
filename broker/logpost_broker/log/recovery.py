"""Opening a partition's log: what its files say after a clean end, and after a crash.

After a crash everything below the recovery point is known to be on the disk. From there on every batch is checked, the
indexes are written again, and what does not hold together (a batch cut by the crash) is cut off: nothing of it was
acknowledged under `flush = "commit"`. What is wrong below the recovery point is damage: it is passed over, never cut.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from logpost_broker.log.batch import CONTROL, BatchHeader
from logpost_broker.log.leader_epochs import CHECKPOINT, LeaderEpochs
from logpost_broker.log.limits import MAX_PRODUCERS_OF_PARTITION
from logpost_broker.log.pace import Pace
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.log.producers import ProducerStates
from logpost_broker.log.segment import Segment
from logpost_broker.log.segment_swap import complete_swaps
from logpost_broker.log.transactions import PartitionTransactions

LOG_NAME = re.compile(r"[0-9]{20}\.log")
INDEX_NAME = re.compile(r"([0-9]{20})\.(?:index|timeindex)")
DELETED_NAME = re.compile(r"[0-9]{20}\.[a-z]+\.deleted")
SNAPSHOT_NAME = re.compile(r"[0-9]{20}\.snapshot")

logger = logging.getLogger("broker")


@dataclass(frozen=True, slots=True, kw_only=True)
class LastKnown:
    """What checkpoints say about a log."""

    clean: bool = False
    """The log was closed in order: its files are whole."""
    log_start_offset: int = 0
    recovery_point: int = 0
    is_compacted: bool = False
    """Offsets may be missing between segments."""


class _WrongRecoveryPointError(Exception):
    """A checkpoint says what cannot be: it is made between two batches that are there."""


def recover(log: PartitionLog, known: LastKnown, *, now_ms: int, advance: Callable[[], None] = lambda: None) -> None:
    """Load the segments of `log`; `advance` is called before each that is checked, and after every few megabytes that
    are read. Raises OSError."""
    _open_segments(log, known.log_start_offset)
    log.log_start_offset = max(known.log_start_offset, log.segments[0].base_offset)
    if known.clean:
        _complete_indexes(log.segments, advance)
    is_whole = known.clean and _end_of_clean(log.active) == known.recovery_point
    if is_whole and log.active.size_bytes:  # an empty one may be of a start that failed
        log.segments.note_names_synced()
    next_offset = known.recovery_point if is_whole else _checked_end(log, known, advance)
    log.start_at(max(next_offset, log.log_start_offset))
    log.epochs = _saved_epochs(log)
    _restore_producers(log, now_ms, advance)
    if known.is_compacted:
        log.transactions.keep_aborted(partial(_has_marker, log))
    _begin_epoch(log)


def _open_segments(log: PartitionLog, log_start_offset: int) -> None:
    complete_swaps(log.files, log.directory)
    names = log.files.names(log.directory)
    _remove_left_overs(log, names)
    bases = [int(name.removesuffix(".log")) for name in names if LOG_NAME.fullmatch(name)]
    first = max([base for base in bases if base <= log_start_offset], default=0)
    for base in bases:
        segment = Segment(log.files, log.directory, base) if base < first else log.segments.add(base)
        if base < first:  # the crash came between the new log start and the end of deleting
            segment.delete()
    if not log.segments:
        log.segments.add(log_start_offset)


def _remove_left_overs(log: PartitionLog, names: Sequence[str]) -> None:
    """What was being replaced or deleted when the broker ended, and indexes whose log went before them."""
    there = set(names)
    for name in names:
        index = INDEX_NAME.fullmatch(name)
        is_alone = index is not None and f"{index[1]}.log" not in there
        if is_alone or name.endswith(".tmp") or DELETED_NAME.fullmatch(name):
            log.files.unlink(log.directory / name)


def _complete_indexes(segments: Sequence[Segment], advance: Callable[[], None]) -> None:
    """Of segments that are not checked: a check writes them again."""
    for segment in segments:
        if not segment.has_indexes:
            segment.rebuild_indexes(advance)


def _end_of_clean(segment: Segment) -> int:
    """The offset after the last batch, found behind the last index entry."""
    entries = len(segment.offset_index)
    position = segment.offset_index.entry(entries - 1).position if entries else 0
    end = segment.base_offset
    for _, header in segment.headers(position):
        end = header.last_offset + 1
    return end


def _checked_end(log: PartitionLog, known: LastKnown, advance: Callable[[], None]) -> int:
    """The offset after the last good batch. Without a recovery point that can be true, all of the log is checked."""
    try:
        return _check_tail(log, known, advance)
    except _WrongRecoveryPointError as error:
        logger.warning("%s %s its recovery point %d: checking all of it", log.directory, error, known.recovery_point)
        return _check_tail(log, replace(known, recovery_point=0), advance)


def _check_tail(log: PartitionLog, known: LastKnown, advance: Callable[[], None]) -> int:
    """Check every batch from the recovery point on, cut what is torn; returns the offset after the last good one.
    Raises _WrongRecoveryPointError."""
    next_offset = log.segments[0].base_offset
    is_all_known = True
    for number, segment in enumerate(log.segments):
        following = log.segments[number + 1].base_offset if number + 1 < len(log.segments) else None
        if following is not None and following <= known.recovery_point:
            next_offset = following
            _complete_indexes([segment], advance)
            continue
        advance()
        checked = _check_segment(segment, known, advance)
        next_offset = checked.next_offset
        if next_offset < known.recovery_point:
            if not segment.checked.damage:
                raise _WrongRecoveryPointError("ends below")
            next_offset = known.recovery_point
        if checked.start < segment.size_bytes:
            is_all_known = False
            log.segments.note_unsynced(segment)
        if checked.end < segment.size_bytes or (
            following is not None and not _follows(following, next_offset, log, known)
        ):
            _cut(log, number, checked.end)
            is_all_known = False
            break
    if log.size_bytes and not is_all_known:
        log.begin_sync(checkpoint=True).run()
    return next_offset


def _follows(base_offset: int, next_offset: int, log: PartitionLog, known: LastKnown) -> bool:
    """Whether a segment may come after the one that ends before `next_offset`. A power cut can take the end of one and
    leave the next, none of it acknowledged: behind such a gap a producer could not send again what it lost."""
    if base_offset <= log.log_start_offset:
        return base_offset >= next_offset
    return base_offset == next_offset or (known.is_compacted and base_offset > next_offset)


class _Checked(NamedTuple):
    """Where checking began, and where the last good batch ends."""

    start: int
    end: int
    next_offset: int


def _check_segment(segment: Segment, known: LastKnown, advance: Callable[[], None]) -> _Checked:
    """The indexes are written again from where checking began.

    What is wrong from the recovery point on ends the log there: a crash tore it. Below, where everything was on the
    disk, it is damage, which is passed over."""
    start, expected = _start_of_check(segment, known.recovery_point)
    segment.forget_after(start, expected)
    segment.checked.forget_from(start)
    segment.log.forget_cached(start)  # the crash may have followed a failed sync
    whole_from = end = position = start
    pace = Pace(advance)
    while position < segment.size_bytes:
        pace.to(position)
        header = segment.checked.at(position)
        if header is not None and _is_next(segment, position, header, expected, known):
            segment.note(header, position)
            position += header.size_bytes
            expected, end = header.last_offset + 1, position
        elif expected < known.recovery_point:
            whole_from = position = segment.checked.pass_over(position, header)
        else:
            break
    segment.seal()
    segment.checked.trust_from(whole_from)
    return _Checked(start, segment.size_bytes if expected < known.recovery_point else end, expected)


def _is_next(segment: Segment, position: int, header: BatchHeader, expected: int, known: LastKnown) -> bool:
    """Whether the batch may come after offset `expected` - 1. A log whose tail was lost goes on at its start, so that
    there may be a gap below that."""
    if expected < known.recovery_point:
        if header.base_offset > known.recovery_point or not segment.checked.is_in_order(position, header, expected - 1):
            return False
        if header.base_offset < known.recovery_point <= header.last_offset:
            raise _WrongRecoveryPointError("has a batch across")
        return True
    if known.is_compacted:
        return segment.checked.is_in_order(position, header, expected - 1)
    return header.base_offset == expected or expected <= header.base_offset <= known.log_start_offset


def _start_of_check(segment: Segment, recovery_point: int) -> tuple[int, int]:
    """Position and first offset of what is not known to be on the disk, by the index if it is true; else the segment's
    start. Headers lead from the index entry to the recovery point; what is between is checked when it is read."""
    begin = 0, segment.base_offset
    entry = segment.offset_index.floor(recovery_point)
    if not (segment.offset_index.is_sound(entry.offset) and segment.time_index.is_sound(entry.offset)):
        return begin  # a power cut can leave zeros in what was not synced of both
    if not 0 < entry.position < segment.size_bytes:
        return begin
    end = entry.position
    for position, header in segment.headers(entry.position):
        if position == entry.position:
            if header.last_offset != entry.offset:
                return begin
            begin = position, header.base_offset
        if header.base_offset == recovery_point:
            return position, recovery_point
        if header.base_offset > recovery_point:
            return begin
        if header.last_offset + 1 == recovery_point:
            end = position + header.size_bytes
    return (end, recovery_point) if end == segment.size_bytes else begin


def _cut(log: PartitionLog, number: int, end: int) -> None:
    segment = log.segments[number]
    later = log.segments[number + 1 :]
    lost = segment.size_bytes - end + sum(other.size_bytes for other in later)
    logger.warning("%s: cut %d bytes of torn batches at position %d", segment.log.path, lost, end)
    segment.log.truncate(end)
    segment.checked.end_offset = None
    del log.segments[number + 1 :]
    for other in later:
        other.delete()


def _restore_producers(log: PartitionLog, now_ms: int, advance: Callable[[], None]) -> None:
    """From the newest snapshot that the log reaches and the batches after it, whose leader epochs may be in no file."""
    log.read_from = _load_snapshot(log)
    pace, read = Pace(advance), 0
    for header in log.headers_from(log.read_from):
        read += header.size_bytes
        pace.to(read)
        log.producers.record(header, now_ms, log.transactions.open)
        if header.last_offset >= log.log_start_offset:  # nobody reads what is below, nor has to pass over it
            is_marker = header.attributes & CONTROL
            batch = log.read(header.base_offset, header.size_bytes, up_to_end=True) if is_marker else b""
            log.transactions.see(header, batch)
        log.epochs.assign(header.partition_leader_epoch, header.base_offset)
    log.transactions.shown(log.high_watermark)
    log.transactions.forget_before(log.log_start_offset)


def _has_marker(log: PartitionLog, offset: int) -> bool:
    """Whether compaction has left the marker that was at `offset`. Raises OSError."""
    header = next(log.headers_from(offset), None)
    return header is not None and header.last_offset == offset and bool(header.attributes & CONTROL)


def _load_snapshot(log: PartitionLog) -> int:
    """The offset that the producer states now stand for."""
    for name in reversed([name for name in log.files.names(log.directory) if SNAPSHOT_NAME.fullmatch(name)]):
        offset = int(name.removesuffix(".snapshot"))
        if offset > log.next_offset:  # of batches that the crash took
            log.files.unlink(log.directory / name)
            continue
        if offset < log.segments[0].base_offset:  # batches that came after it left with their segments
            break
        try:
            producers, saved = ProducerStates.from_snapshot(log.files.read_bytes(log.directory / name) or b"")
            log.producers, log.transactions = producers, PartitionTransactions.from_saved(saved)
            producers.keep_newest(MAX_PRODUCERS_OF_PARTITION, log.transactions.open)
        except ValueError as error:
            logger.warning("%s: %s; reading the log instead", log.directory / name, error)
            continue
        return offset
    return log.log_start_offset


def _saved_epochs(log: PartitionLog) -> LeaderEpochs:
    """The leader epochs of all but the last batches; read from the batches where there is no file, or a torn one."""
    data = log.files.read_bytes(log.directory / CHECKPOINT)
    try:
        epochs = LeaderEpochs() if data is None else LeaderEpochs.parsed(data)
    except ValueError as error:
        logger.warning("%s: %s; reading the log instead", log.directory / CHECKPOINT, error)
        epochs = LeaderEpochs()
    log.saved_epochs = epochs.formatted() if epochs.starts else b""
    epochs.truncate_end(log.next_offset)
    for segment in () if epochs.starts else log.segments:
        _assign_epochs(epochs, segment)
    return epochs


def _assign_epochs(epochs: LeaderEpochs, segment: Segment) -> None:
    """Read all of a segment only if it ends in another epoch than it begins in."""
    first = next((header for _, header in segment.headers()), None)
    if first is None:
        return
    epochs.assign(first.partition_leader_epoch, first.base_offset)
    entries = len(segment.offset_index)
    position = segment.offset_index.entry(entries - 1).position if entries else 0
    last = {header.partition_leader_epoch for _, header in segment.headers(position)}
    if last != {first.partition_leader_epoch}:
        for _, header in segment.headers():
            epochs.assign(header.partition_leader_epoch, header.base_offset)


def _begin_epoch(log: PartitionLog) -> None:
    """What comes is of the epoch of this start of the broker."""
    log.epochs.truncate_start(log.log_start_offset)
    log.epochs.assign(log.leader_epoch, log.next_offset)
