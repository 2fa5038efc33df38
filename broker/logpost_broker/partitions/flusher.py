"""Group commit: one fdatasync per partition for all that waits for it, off the event loop, several partitions at once.

`broker.flush` decides what being safe means:
- `commit`: synced. The high watermark follows the sync, so no consumer sees what a power cut could take back.
- `interval`: written; synced every `broker.flush_interval_ms`.
- `os`: written; the operating system syncs when it likes. Ended segments are synced all the same, as in Kafka: a start
  after a crash has to read what is not known to be on the disk.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from kio.schema.errors import ErrorCode

from logpost.config import BrokerConfig
from logpost_broker.errors import ApiError
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.log.sync_job import SyncJob
from logpost_broker.partitions.directory import LOGS_A_NOTICE, Advance, LogDirectory, silent

THREADS = 8
JOBS_AT_ONCE = 4 * THREADS
"""More wait until one has ended, and take in what is written meanwhile. Each has descriptors of its own."""
CHECKPOINTS_AT_ONCE = THREADS // 2
"""A client that waits for a sync must not wait for checkpoints of all partitions."""
CHECKPOINT_SECONDS = 30.0
"""How often recovery points are moved up: what a start after a crash has to read."""

logger = logging.getLogger("broker")


@dataclass(slots=True)
class _Flush:
    """The syncs of one log: at most one runs, the next begins when it ends."""

    running: SyncJob | None = None
    ran: asyncio.Future[None] | None = None
    """Done when the job that runs, or ran last, has ended."""
    checkpoint_wanted: bool = False
    waiting: list[tuple[int, asyncio.Future[None]]] = field(default_factory=list)
    """What each needs synced, and whom to tell."""


class Flusher:
    def __init__(
        self, config: BrokerConfig, logs: LogDirectory, now_ms: Callable[[], int], pool: Executor | None = None
    ) -> None:
        """`pool`: where syncs run; by default, threads of its own. It is shut down by `close`."""
        self._mode = config.flush
        self._interval_seconds = config.flush_interval_ms / 1000
        self._logs = logs
        self._now_ms = now_ms
        self._flushes: dict[PartitionLog, _Flush] = {}
        self._ready: dict[PartitionLog, None] = {}
        """Whose job begins when there is a place for it, in this order."""
        self._running = 0
        self._pool = pool or ThreadPoolExecutor(THREADS, thread_name_prefix="sync")
        self._tasks: list[asyncio.Task[None]] = []
        self._is_closing = False

    def start(self) -> None:
        self._tasks.append(asyncio.create_task(self._make_checkpoints()))
        if self._mode == "interval":
            self._tasks.append(asyncio.create_task(self._sync_at_intervals()))

    def written(self, log: PartitionLog) -> None:
        """Something was appended that nobody waits for: it becomes visible as the mode says."""
        if self._mode == "commit":
            self._begin(log)
        else:
            log.show_all()

    def durable(self, log: PartitionLog) -> asyncio.Future[None]:
        """Done when all that is in `log` now is safe; raises ApiError KAFKA_STORAGE_ERROR when it cannot be."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if log.offline is not None:
            future.set_exception(_storage_error(_is_offline(log)))
        elif self._mode != "commit" or log.high_watermark >= log.next_offset:
            self.written(log)
            future.set_result(None)
        else:
            self._flush_of(log).waiting.append((log.next_offset, future))
            self._begin(log)
        return future

    def synced(self, log: PartitionLog) -> asyncio.Future[None]:
        """As `durable`, in any mode: done when a power cut takes nothing of what is in `log` now."""
        flush = self._flush_of(log)
        is_synced = log.is_synced and flush.running is None
        if self._mode == "commit" or is_synced or log.offline is not None:
            return self.durable(log)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        flush.waiting.append((log.next_offset, future))
        self._begin(log)
        return future

    def forget(self, log: PartitionLog) -> None:
        """The log is closed: those who wait for it are told so."""
        self._ready.pop(log, None)
        flush = self._flushes.pop(log, None)
        if flush is not None:
            _fail(flush, _is_offline(log))

    def _flush_of(self, log: PartitionLog) -> _Flush:
        return self._flushes.setdefault(log, _Flush())

    def _begin(self, log: PartitionLog) -> None:
        self._ready[log] = None
        self._run_ready()

    def _run_ready(self) -> None:
        while self._ready and self._running < JOBS_AT_ONCE:
            log = next(iter(self._ready))
            del self._ready[log]
            self._run(log)

    def _run(self, log: PartitionLog) -> None:
        if log.offline is not None or self._is_closing:
            return
        flush = self._flush_of(log)
        if flush.running is not None or (log.is_synced and not flush.checkpoint_wanted):
            return
        checkpoint, flush.checkpoint_wanted = flush.checkpoint_wanted, False
        try:
            flush.running = log.begin_sync(checkpoint=checkpoint, now_ms=self._now_ms())
        except OSError as error:
            # No sync has failed, and the next one includes what waited: the disk is full, or descriptors are out.
            log.note_failed_write(error, "begin to sync")
            _fail(flush, f"cannot begin to sync: {error.strerror}")
            return
        self._running += 1
        loop = asyncio.get_running_loop()
        flush.ran = loop.create_future()
        # asyncio's own run_in_executor would cost one more turn of the loop.
        sync = self._pool.submit(flush.running.run)
        sync.add_done_callback(lambda ran: loop.call_soon_threadsafe(self._ended, log, flush, ran))

    def _ended(self, log: PartitionLog, flush: _Flush, ran: Future[None]) -> None:
        self._running -= 1
        job, flush.running = flush.running, None
        assert job is not None
        assert flush.ran is not None
        flush.ran.set_result(None)
        error = ran.exception()
        if error is None:
            self._synced(log, flush, job)
        else:
            self._failed(log, flush, error)
        self._run_ready()

    def _synced(self, log: PartitionLog, flush: _Flush, job: SyncJob) -> None:
        log.end_sync(job)
        while flush.waiting and flush.waiting[0][0] <= job.offset:
            future = flush.waiting.pop(0)[1]
            if not future.done():
                future.set_result(None)
        if log.offline is not None:  # a write failed meanwhile
            _fail(flush, _is_offline(log))
        elif flush.waiting or flush.checkpoint_wanted or (self._mode == "commit" and log.next_offset > job.offset):
            self._begin(log)

    @staticmethod
    def _failed(log: PartitionLog, flush: _Flush, error: BaseException) -> None:
        log.go_offline(f"it could not be synced: {error}")
        _fail(flush, _is_offline(log))

    async def _sync_at_intervals(self) -> None:
        while True:
            await asyncio.sleep(self._interval_seconds)
            for log in self._logs:
                if not log.is_synced:
                    self._begin(log)

    async def _make_checkpoints(self) -> None:
        while True:
            await asyncio.sleep(CHECKPOINT_SECONDS)
            await self._checkpoint([log for log in self._logs if self._has_to_checkpoint(log)], CHECKPOINTS_AT_ONCE)
            try:
                self._logs.write_recovery_points()
            except OSError as error:
                logger.error("cannot save the recovery points: %s", error)

    async def _checkpoint(self, logs: Sequence[PartitionLog], at_once: int, advance: Advance = silent) -> None:
        running: set[asyncio.Future[None]] = set()
        for number, log in enumerate(logs):
            if number % LOGS_A_NOTICE == 0:
                advance(f"syncing logs: {number} of {len(logs)}")
            if log.offline is not None:  # since the last one ended
                continue
            flush = self._flush_of(log)
            flush.checkpoint_wanted = True
            self._begin(log)
            if flush.running is not None and flush.ran is not None:
                running.add(flush.ran)
            if len(running) >= at_once:
                _, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        if running:
            await asyncio.wait(running)

    def _has_to_checkpoint(self, log: PartitionLog) -> bool:
        return log.offline is None and (log.has_rolled if self._mode == "os" else log.recovery_point < log.next_offset)

    async def close(self, advance: Advance = silent) -> None:
        """Wait for what waits for a sync and for the syncs that run, then make a checkpoint of each log that needs one,
        many at once: a file system makes what several threads sync durable in one go. What is not synced then, is when
        its log is closed. `advance` is told how far it is."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        waiting = [future for flush in self._flushes.values() for _, future in flush.waiting]
        await asyncio.gather(*waiting, return_exceptions=True)
        await self._all_ran()
        await self._checkpoint([log for log in self._logs if not log.is_checkpointed], JOBS_AT_ONCE, advance)
        self._is_closing = True
        await self._all_ran()
        self._pool.shutdown()

    async def _all_ran(self) -> None:
        running = [flush.ran for flush in self._flushes.values() if flush.ran is not None]
        await asyncio.gather(*running, return_exceptions=True)


def _fail(flush: _Flush, reason: str) -> None:
    waiting, flush.waiting = flush.waiting, []
    for _, future in waiting:
        if not future.done():
            future.set_exception(_storage_error(reason))


def _is_offline(log: PartitionLog) -> str:
    return f"the partition is offline: {log.offline}"


def _storage_error(reason: str) -> ApiError:
    return ApiError(ErrorCode.kafka_storage_error, reason)
