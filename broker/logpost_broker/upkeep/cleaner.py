"""Compaction in the background: every `broker.cleaner_check_seconds` the dirtiest logs, one after the other.

All reading and writing is one thread's, under the limit `broker.cleaner_io_bytes_per_second`. A log whose compaction
fails stays as it is and is left alone for an hour; it takes appends and is read all the while.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from logpost_broker.errors import ApiError
from logpost_broker.log.cleaning import Cleaning, CleaningError
from logpost_broker.log.compaction import CompactionLimits, CompactionPlan, plan_compaction
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.metadata.topics import Topic
from logpost_broker.partitions.partitions import Partitions
from logpost_broker.upkeep.compaction_run import ChangedError, CompactionRun, UnfinishedSwapError, first_ms, spans
from logpost_broker.upkeep.io_pace import IoPace, StoppedError

UNCLEANABLE_MS = 60 * 60 * 1000
NO_MAX_LAG = CompactionLimits().max_lag_ms

logger = logging.getLogger("broker")


@dataclass(frozen=True, slots=True)
class _Candidate:
    topic: Topic
    log: PartitionLog
    limits: CompactionLimits
    plan: CompactionPlan


class Cleaner:
    def __init__(self, partitions: Partitions) -> None:
        self._partitions = partitions
        self._pace = IoPace(partitions.config.cleaner_io_bytes_per_second)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="cleaner")
        self._stopped = asyncio.Event()
        self._checks: asyncio.Task[None] | None = None
        self._uncleanable_until: WeakKeyDictionary[PartitionLog, float] = WeakKeyDictionary()
        self._malformed: WeakKeyDictionary[PartitionLog, set[int]] = WeakKeyDictionary()
        """Which batches were reported."""

    def start(self) -> None:
        self._checks = asyncio.create_task(self._check_at_intervals())

    async def stop(self) -> None:
        """Ends between two steps of a compaction, so that the next start has nothing to repair."""
        self._stopped.set()
        self._pace.stop()
        if self._checks is not None:
            await self._checks
        self._executor.shutdown()

    async def _check_at_intervals(self) -> None:
        while not await self._is_stopped_after(self._partitions.config.cleaner_check_seconds):
            self._pace.bytes_per_second = self._partitions.config.cleaner_io_bytes_per_second
            try:
                await self.check()
            except Exception:
                logger.exception("looking for logs to compact failed")

    async def _is_stopped_after(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._stopped.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def check(self) -> None:
        """Compact what is due."""
        ratios = [0.0]
        due = []
        for topic, partition in self._compacted():
            candidate = self._candidate(topic, partition)
            if candidate is not None:
                ratios.append(candidate.plan.dirty_ratio)
                due += [(candidate.plan.dirty_ratio, topic, partition)] if candidate.plan.is_due else []
            await asyncio.sleep(0)
        metrics = self._partitions.metrics.cleaner
        metrics.max_dirty_ratio.set(max(ratios))
        for _, topic, partition in sorted(due, key=lambda one: -one[0]):
            while not self._stopped.is_set():
                candidate = self._candidate(topic, partition)
                if candidate is None or not candidate.plan.is_due or not await self._compact(candidate):
                    break
        metrics.uncleanable.set(sum(until > self._partitions.now_ms() for until in self._uncleanable_until.values()))

    def _compacted(self) -> Iterator[tuple[Topic, int]]:
        for topic in tuple(self._partitions.topics):
            if topic.configs.is_compacted(self._partitions.config):
                yield from ((topic, partition) for partition in range(topic.partitions))

    def _candidate(self, topic: Topic, partition: int) -> _Candidate | None:
        """A log that can be compacted now."""
        if self._partitions.topics.by_id(topic.id) is None:
            return None
        try:
            log = self._partitions.log(topic, partition)
            if log.offline is not None or self._uncleanable_until.get(log, 0) > self._partitions.now_ms():
                return None
            return self._planned(topic, log)
        except (ApiError, OSError) as error:
            logger.error("compaction cannot look at %s-%d: %s", topic.name, partition, error)
            return None

    def _planned(self, topic: Topic, log: PartitionLog) -> _Candidate:
        """Raises OSError."""
        limits = topic.configs.compaction_limits(self._partitions.config)
        now_ms = self._partitions.now_ms()
        has_max_lag = limits.max_lag_ms < NO_MAX_LAG
        if has_max_lag and 0 < first_ms(log.active) < now_ms - limits.max_lag_ms:
            log.roll_at(log.next_offset)
        plan = plan_compaction(
            spans(log, with_first_ms=has_max_lag),
            limits,
            first_dirty_offset=self._partitions.logs.first_dirty_offset(log),
            log_start_offset=log.log_start_offset,
            # What a crash could take back, or a start after it cut off, must not be the reason that older records go.
            upper_bound=min(log.high_watermark, self._partitions.logs.saved_recovery_point(log)),
            now_ms=now_ms,
        )
        return _Candidate(topic, log, limits, plan)

    async def _compact(self, candidate: _Candidate) -> bool:
        """Whether more of the log is clean now. What fails is reported, and the log left alone."""
        log, metrics = candidate.log, self._partitions.metrics.cleaner
        cleaning = self._cleaning(candidate)
        run = CompactionRun(log, cleaning, candidate.limits, self._executor, self._partitions.logs.remove_files)
        is_cleaner = False
        try:
            end_offset = await run.run()
            if end_offset > candidate.plan.first_dirty_offset:
                await asyncio.get_running_loop().run_in_executor(
                    self._executor, self._partitions.logs.save_first_dirty_offset, log, end_offset
                )
                is_cleaner = True
                metrics.runs.inc()
                self._report(log, run, cleaning)
        except StoppedError:
            pass
        except ChangedError:
            logger.info("%s changed while it was compacted: it is tried again later", log.directory)
        except UnfinishedSwapError as error:
            self._leave_alone(log, math.inf, f"{error}; the next start of the broker puts its files in order")
        except (CleaningError, OSError) as error:
            self._leave_alone(log, self._partitions.now_ms() + UNCLEANABLE_MS, str(error))
        except Exception as error:
            logger.exception("a bug in compaction")
            self._leave_alone(log, math.inf, str(error))
        metrics.read_bytes.inc(cleaning.bytes_read)
        metrics.cleaned_bytes.inc(run.cleaned_bytes)
        metrics.kept_bytes.inc(cleaning.bytes_kept)
        return is_cleaner

    def _cleaning(self, candidate: _Candidate) -> Cleaning:
        configs, config = candidate.topic.configs, self._partitions.config
        return Cleaning(
            first_dirty_offset=candidate.plan.first_dirty_offset,
            upper_bound=candidate.plan.end_offset,
            now_ms=self._partitions.now_ms(),
            delete_retention_ms=candidate.limits.delete_retention_ms,
            last_offsets=candidate.log.producers.last_offsets(),
            map_bytes=config.cleaner_dedupe_buffer_bytes,
            level_of=lambda codec: configs.level_of(codec, config),
            pace=self._pace,
        )

    def _leave_alone(self, log: PartitionLog, until_ms: float, reason: str) -> None:
        logger.error("%s cannot be compacted, and grows until it can: %s", log.directory, reason)
        self._uncleanable_until[log] = until_ms
        self._partitions.metrics.cleaner.failures.inc()

    def _report(self, log: PartitionLog, run: CompactionRun, cleaning: Cleaning) -> None:
        logger.info(
            "compacted %s up to offset %d: %d bytes became %d",
            log.directory,
            cleaning.end_offset,
            run.cleaned_bytes,
            cleaning.bytes_kept,
        )
        reported = self._malformed.setdefault(log, set())
        for offset, reason in cleaning.filter.malformed.items():
            if offset not in reported:
                reported.add(offset)
                self._partitions.metrics.cleaner.malformed_batches.inc()
                logger.warning("%s: the batch at offset %d is kept as it is: %s", log.directory, offset, reason)
