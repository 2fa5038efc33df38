"""The log of one partition: batches in, byte ranges out, and the line up to which consumers may see.

Offsets of a log: `log_start_offset` ≤ `high_watermark` ≤ `next_offset`. What lies at or above the high watermark is
written and not yet known to be on the disk; the flusher moves it with `begin_sync` and `end_sync`. All calls come from
the event loop, only `SyncJob.run` from a thread. A log that failed to sync is offline: it raises KAFKA_STORAGE_ERROR
until the broker is started again, because a second fdatasync after a failed one proves nothing.
"""

from __future__ import annotations

import errno
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError
from logpost_broker.log.aborted_transactions import AbortedTransaction
from logpost_broker.log.batch import HEADER, TRANSACTIONAL, BatchHeader, Buffer, read_header, stamped, whole_batches
from logpost_broker.log.files import Files
from logpost_broker.log.leader_epochs import LeaderEpochs
from logpost_broker.log.producer_identity import ProducerIdentity
from logpost_broker.log.producers import ProducerStates
from logpost_broker.log.records import build_marker
from logpost_broker.log.saved_state import save_epochs, save_snapshot
from logpost_broker.log.segment import RollLimits, Segment
from logpost_broker.log.segments import Segments
from logpost_broker.log.sync_job import SyncJob
from logpost_broker.log.transactions import OpenTransaction, PartitionTransactions

OFFSETS_END = 16
"""Base offset, length and leader epoch: what the broker sets is in the first bytes of a batch."""
NO_EPOCH = -1
"""Of a client that does not know the leader epoch."""
ENDED = sys.maxsize
"""More bytes than anybody waits for."""
PASSING_ERRORS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR, errno.EAGAIN}
)
"""Of writes that may be tried again: nothing was written, and the file is as it was."""

logger = logging.getLogger("broker")


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """Where a batch is in the log."""

    base_offset: int
    last_offset: int
    duplicate: bool = False
    """The batch had come before; nothing was written now."""


class PartitionLog:
    def __init__(self, directory: Path, files: Files, limits: RollLimits, leader_epoch: int) -> None:
        """`directory` exists. Call `recovery.recover` before anything else."""
        self.directory = directory
        self.limits = limits
        self.leader_epoch = leader_epoch
        self.files = files
        self.segments = Segments(files, directory)
        self.producers = ProducerStates()
        self.transactions = PartitionTransactions()
        self.epochs = LeaderEpochs()
        self.saved_epochs = b""
        """What the file of `epochs` holds."""
        self.log_start_offset = 0
        self.next_offset = 0
        self.high_watermark = 0
        self.recovery_point = 0
        """Below it, log and indexes are known to be on the disk; a recovery reads from here."""
        self.read_from = 0
        """Where a start begins to read, for producer states and leader epochs."""
        self.offline: str | None = None
        self.watchers: set[Callable[[int], None]] = set()
        """Called with the bytes that became visible whenever the high watermark moves; with ENDED when it cannot."""
        self._visible_end = (0, 0)
        self._appended_bytes = 0
        self._visible_bytes = 0

    @property
    def active(self) -> Segment:
        return self.segments[-1]

    @property
    def size_bytes(self) -> int:
        return self.segments.size_bytes

    @property
    def damaged_bytes(self) -> int:
        """What is passed over of what was read until now."""
        return sum(segment.checked.damaged_bytes for segment in self.segments)

    @property
    def is_synced(self) -> bool:
        return not self.segments.unsynced

    @property
    def is_checkpointed(self) -> bool:
        """All of it is on the disk, and a start has nothing to read."""
        return self.read_from == self.next_offset == self.recovery_point and self.segments.are_synced

    @property
    def last_stable_offset(self) -> int:
        """Below it, every transaction is decided: consumers of committed records see this much."""
        unstable = self.transactions.first_unstable_offset
        return (
            self.high_watermark if unstable is None else max(self.log_start_offset, min(unstable, self.high_watermark))
        )

    @property
    def open_transactions(self) -> list[OpenTransaction]:
        return [*self.transactions.open.values()]

    @property
    def has_rolled(self) -> bool:
        """A segment ended since the last checkpoint."""
        return bool(self.segments.rolled)

    def append(self, batch: Buffer, *, now_ms: int, header: BatchHeader | None = None, stamp: bool = False) -> Appended:
        """Write one batch at the end. `header` is what `batch` starts with, when the caller has read it; `stamp` sets
        the broker's time (LogAppendTime).

        Raises ApiError: KAFKA_STORAGE_ERROR, INVALID_TXN_STATE for a batch of a producer that is outside its open
        transaction, and what ProducerStates.check raises. Nothing is written then.
        """
        self.require_online()
        header = header or read_header(batch)
        duplicate = self.producers.check(header)
        if duplicate is not None:
            return Appended(base_offset=duplicate.base_offset, last_offset=duplicate.last_offset, duplicate=True)
        if header.producer_id in self.transactions.open and not header.attributes & TRANSACTIONAL:
            raise ApiError(ErrorCode.invalid_txn_state, f"producer {header.producer_id} has an open transaction here")
        if stamp:
            batch = stamped(header, batch, now_ms)
            header = read_header(batch)
        header = header._replace(base_offset=self.next_offset, partition_leader_epoch=self.leader_epoch)
        try:
            if not self.active.takes(header, self.limits, now_ms):
                self.segments.roll(self.next_offset)
            self.active.append(header, HEADER.pack(*header)[:OFFSETS_END], memoryview(batch)[OFFSETS_END:])
        except OSError as error:
            self.note_failed_write(error)
            raise ApiError(ErrorCode.kafka_storage_error, f"the log cannot be written: {error.strerror}") from error
        self.producers.record(header, now_ms, self.transactions.open)
        self.transactions.see(header, batch)
        self.next_offset = header.last_offset + 1
        self._appended_bytes += header.size_bytes
        self.segments.note_unsynced(self.active)
        return Appended(base_offset=header.base_offset, last_offset=header.last_offset)

    def append_marker(
        self, producer_id: int, epoch: int, coordinator_epoch: int, *, commit: bool, now_ms: int
    ) -> Appended:
        """Write the end of a producer's transaction. Raises what `append` raises."""
        producer = ProducerIdentity(producer_id, epoch)
        return self.append(build_marker(producer, coordinator_epoch, commit=commit, timestamp_ms=now_ms), now_ms=now_ms)

    def note_failed_write(self, error: OSError, action: str = "write") -> None:
        """A lack of room or descriptors passes. After any other error nobody knows what the disk has, so that the log
        goes offline."""
        logger.error("cannot %s %s: %s", action, self.directory, error.strerror)
        if error.errno not in PASSING_ERRORS:
            self.go_offline(f"it could not be written: {error.strerror}")

    def roll_at(self, offset: int) -> None:
        """End the active segment if the log ends at `offset`, so that `truncate_prefix` can drop all of it. When that
        fails, it stays."""
        if offset == self.next_offset and self.active.size_bytes and self.offline is None:
            try:
                self.segments.roll(self.next_offset)
            except OSError as error:
                self.note_failed_write(error)

    def begin_sync(self, *, checkpoint: bool = False, now_ms: int = 0) -> SyncJob:
        """What has to be synced for everything appended so far. A `checkpoint` includes indexes and producer states, so
        that a later recovery reads only from here. Raises OSError, and then the next job includes the same."""
        if checkpoint:
            self.active.seal()
            self.producers.expire(now_ms, self.transactions.open)
        opened = self.segments.take_unsynced(with_indexes=checkpoint)
        return SyncJob(
            offset=self.next_offset,
            position=(self.active.base_offset, self.active.size_bytes),
            appended_bytes=self._appended_bytes,
            opened=opened,
            snapshot=self.producers.snapshot(self.transactions.saved()) if checkpoint else None,
        )

    def end_sync(self, job: SyncJob) -> None:
        """`job` has run: consumers may see what it made durable."""
        if self.offline is not None:
            return
        if job.snapshot is not None:
            self.recovery_point = job.offset
            save_snapshot(self.files, self.directory, job.offset, job.snapshot)
            self.read_from = job.offset
            self.saved_epochs = save_epochs(self.files, self.directory, self.epochs, self.saved_epochs)
        self._show(job.offset, job.position, job.appended_bytes)

    def go_offline(self, reason: str) -> None:
        """Refuse everything from now on."""
        if self.offline is None:
            logger.error("%s is offline: %s", self.directory, reason)
            self.retire(reason)

    def retire(self, reason: str) -> None:
        """As `go_offline`, of a log that is meant to end."""
        self.offline = reason
        for watcher in tuple(self.watchers):
            watcher(ENDED)

    def show_all(self) -> None:
        """Let consumers see everything written, synced or not (`flush` is `interval` or `os`)."""
        self._show(self.next_offset, (self.active.base_offset, self.active.size_bytes), self._appended_bytes)

    def _show(self, offset: int, position: tuple[int, int], appended_bytes: int) -> None:
        if offset <= self.high_watermark:
            return
        self.high_watermark = offset
        self.transactions.shown(offset)
        self._visible_end = position
        shown, self._visible_bytes = appended_bytes - self._visible_bytes, appended_bytes
        for watcher in tuple(self.watchers):
            watcher(shown)

    def read(self, offset: int, max_bytes: int, *, whole_first: bool = True, up_to_end: bool = False) -> bytes:
        """Batches from the one that holds `offset` on: at most `max_bytes`, the last may be cut. The first comes whole
        although it is larger, or with `whole_first` unset not at all. Empty from the high watermark on, and where all
        that is left is damaged; `up_to_end` reads on to what is written only.

        Raises ApiError OFFSET_OUT_OF_RANGE, KAFKA_STORAGE_ERROR.
        """
        self.require_online()
        if not self.log_start_offset <= offset <= self.next_offset:
            raise ApiError(ErrorCode.offset_out_of_range, f"{offset} of {self.log_start_offset} to {self.next_offset}")
        if offset >= (self.next_offset if up_to_end else self.high_watermark):
            return b""
        try:
            found = self.segments.find(offset)
            if found is None:
                return b""
            segment, position, header = found
            if not up_to_end and header.base_offset >= self.high_watermark:
                return b""
            if header.size_bytes > max_bytes and not whole_first:
                return b""
            limit = segment.size_bytes
            if not up_to_end and segment.base_offset == self._visible_end[0]:
                limit = self._visible_end[1]
            data = segment.read(position, min(max(max_bytes, header.size_bytes), limit - position))
            return segment.checked.whole_part(position, data)
        except OSError as error:
            logger.error("cannot read %s: %s", self.directory, error.strerror)
            raise ApiError(ErrorCode.kafka_storage_error, f"the log cannot be read: {error.strerror}") from error

    def read_committed(
        self, offset: int, max_bytes: int, *, whole_first: bool = True
    ) -> tuple[bytes, list[AbortedTransaction]]:
        """As `read`, up to the last stable offset, and the aborted transactions, whose records readers pass over."""
        stable, end = self.last_stable_offset, offset
        is_stable = offset < stable
        data = self.read(offset, max_bytes if is_stable else 0, whole_first=whole_first and is_stable)
        if stable == self.high_watermark and not self.transactions.abort_ends_between(offset, stable):
            return data, []
        for position, header in whole_batches(data):
            if header.base_offset >= stable:
                data = data[:position]
                break
            end = header.last_offset + 1
        return data if end > offset else b"", self.transactions.aborted(offset, end)

    def headers_from(self, offset: int) -> Iterator[BatchHeader]:
        """The headers of all whole batches from the one that holds `offset` on. Raises OSError."""
        return self.segments.headers_from(offset) if offset < self.next_offset else iter(())

    def start_moved_to(self, offset: int) -> int:
        """Where the log start would be after `truncate_prefix(offset)`: never lower, never above what is visible."""
        return max(self.log_start_offset, min(offset, self.high_watermark))

    def truncate_prefix(self, offset: int) -> list[Segment]:
        """Move the log start up to `offset`, which `LogDirectory.truncate_prefix` has made durable, and take out the
        segments wholly below it, for the caller to delete."""
        self.log_start_offset = self.start_moved_to(offset)
        self.epochs.truncate_start(self.log_start_offset)
        self.transactions.forget_before(self.log_start_offset)
        return self.segments.drop_before(self.log_start_offset)

    def replace_segments(self, old: Sequence[Segment], new: Segment) -> bool:
        """Read from `new`, which is on the disk, what is left of `old`: segments that follow each other, without the
        active one. False when they are no longer in the log. Reads happen in single calls of the event loop, so that
        none sees both."""
        if self.offline is not None or not self.segments.replace(old, new):
            return False
        if self._visible_end[0] in [segment.base_offset for segment in old]:
            self._visible_end = (new.base_offset, new.size_bytes)
        return True

    def require_online(self) -> None:
        if self.offline is not None:
            raise ApiError(ErrorCode.kafka_storage_error, f"the partition is offline: {self.offline}")

    def require_epoch(self, epoch: int) -> None:
        """A client that knows another leader epoch has to ask for metadata first (KIP-320). Raises ApiError
        FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH."""
        if epoch in (NO_EPOCH, self.leader_epoch):
            return
        older = epoch < self.leader_epoch
        raise ApiError(ErrorCode.fenced_leader_epoch if older else ErrorCode.unknown_leader_epoch)

    def close(self) -> None:
        """Close the files; sync first, if a later start needs them."""
        for segment in self.segments:
            segment.close()

    def start_at(self, offset: int) -> None:
        """A recovered log: everything up to `offset` is on the disk and visible."""
        self.next_offset = self.high_watermark = self.recovery_point = offset
        self._visible_end = (self.active.base_offset, self.active.size_bytes)
