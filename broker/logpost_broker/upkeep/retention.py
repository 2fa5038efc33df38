"""What leaves the logs: every `broker.retention_check_seconds` by the topics' limits, and whenever a client asks.

A log's new start is on the disk first, then its segments are renamed, then their files are unlinked in a thread: a
crash between any two steps leaves what the next start finishes. The loop is never kept from its requests for longer
than one log takes.

What a group of `broker.retention_groups` has not committed stays. A group that nobody uses holds back nothing for ever:
its offsets are forgotten, and where less than WAIT_SHARE of the disk is free nobody is waited for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from weakref import WeakSet

from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError
from logpost_broker.log.batch import NO_TIMESTAMP
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.log.retention import RetentionLimits, RetentionPlan, SegmentFacts, plan_retention
from logpost_broker.log.segment import Segment
from logpost_broker.metadata.topics import Topic
from logpost_broker.partitions.partitions import Partitions

FIRST_CHECK_SECONDS = 30.0
"""After the start, as in Kafka: clients that were waiting for the broker come first."""

WAIT_SHARE = 0.1
Readers = Callable[[str], Mapping[tuple[str, int], int]]
"""What a group has committed: (topic, partition) → offset."""
Place = tuple[Topic, int]
"""A topic and the number of its partition."""
logger = logging.getLogger("broker")


class Wanted:
    """From which offset on groups still want records."""

    def __init__(self, committed: Sequence[Mapping[tuple[str, int], int]]) -> None:
        """Of each group what it committed. Where it has begun a topic it wants all partitions of it."""
        self._committed = committed
        self._topics = [{topic for topic, _ in one} for one in committed]

    def of(self, topic: str, partition: int) -> int | None:
        """None where nobody reads the topic."""
        offsets = [
            one.get((topic, partition), 0)
            for one, topics in zip(self._committed, self._topics, strict=True)
            if topic in topics
        ]
        return min(offsets, default=None)


class RetentionService:
    def __init__(self, partitions: Partitions, readers: Readers = lambda _: {}) -> None:
        self._partitions = partitions
        self._readers = readers
        self._kept_for_reader: WeakSet[PartitionLog] = WeakSet()
        """Which logs were reported."""
        self._rounds: asyncio.Task[None] | None = None
        self._removals: set[asyncio.Future[None]] = set()
        self._kept_by_future: WeakSet[PartitionLog] = WeakSet()
        """Which logs were reported."""

    def start(self) -> None:
        self._rounds = asyncio.create_task(self._check_at_intervals())

    async def stop(self) -> None:
        if self._rounds is not None:
            self._rounds.cancel()
            await asyncio.gather(self._rounds, return_exceptions=True)
        await asyncio.gather(*self._removals)

    async def _check_at_intervals(self) -> None:
        await asyncio.sleep(min(FIRST_CHECK_SECONDS, self._partitions.config.retention_check_seconds))
        while True:
            try:
                await self.check()
            except ApiError as error:
                logger.error("nothing was deleted by retention: %s", error)
            except Exception:
                logger.exception("retention failed")
            await asyncio.sleep(self._partitions.config.retention_check_seconds)

    async def check(self) -> None:
        """Delete what the topics' limits say. Raises ApiError KAFKA_STORAGE_ERROR."""
        starts: dict[PartitionLog, int] = {}
        wanted = self._wanted()
        waiting = 0
        for topic, partition in await self._worth_opening():
            log = self._online(topic, partition)
            if log is not None:
                plan = self._plan(topic, log, wanted.of(topic.name, partition))
                waiting += plan.kept_for_reader
                if plan.log_start_offset > log.log_start_offset:
                    starts[log] = plan.log_start_offset
                self._report(log, plan)
            await asyncio.sleep(0)
        self._partitions.metrics.retention_waiting.set(waiting)
        await self.move_starts(starts)

    def _wanted(self) -> Wanted:
        """What nobody may miss."""
        if self._partitions.disk_reserve.free_share < WAIT_SHARE:
            return Wanted([])
        groups = self._partitions.config.retention_groups.split(",")
        return Wanted([self._readers(group.strip()) for group in groups])

    async def _worth_opening(self) -> list[Place]:
        """The partitions that have limits, without those that are closed and can stay so."""
        opened: list[Place] = []
        closed: list[Place] = []
        for topic in self._partitions.topics:
            if topic.internal or "delete" not in topic.configs.text("cleanup.policy", self._partitions.config):
                continue
            for partition in range(topic.partitions):
                (opened if self._partitions.logs.is_open(topic, partition) else closed).append((topic, partition))
        return opened + await asyncio.get_running_loop().run_in_executor(None, self._with_losses, closed)

    def _with_losses(self, closed: Sequence[Place]) -> list[Place]:
        now_ms = self._partitions.now_ms()
        logs = self._partitions.logs
        return [place for place in closed if logs.may_lose_records(*place, self._limits(place[0]), now_ms)]

    def _online(self, topic: Topic, partition: int) -> PartitionLog | None:
        if self._partitions.topics.by_id(topic.id) is None:  # deleted since the round began
            return None
        try:
            log = self._partitions.log(topic, partition)
        except ApiError as error:
            logger.error("retention cannot look at %s-%d: %s", topic.name, partition, error)
            return None
        return log if log.offline is None else None

    def _plan(self, topic: Topic, log: PartitionLog, wanted_from: int | None) -> RetentionPlan:
        return plan_retention(
            [_facts(segment) for segment in log.segments],
            self._limits(topic),
            log_start_offset=log.log_start_offset,
            high_watermark=log.high_watermark,
            next_offset=log.next_offset,
            now_ms=self._partitions.now_ms(),
            wanted_from=wanted_from,
        )

    def _limits(self, topic: Topic) -> RetentionLimits:
        config = self._partitions.config
        return RetentionLimits(
            age_ms=topic.configs.number("retention.ms", config),
            size_bytes=topic.configs.number("retention.bytes", config),
        )

    def _report(self, log: PartitionLog, plan: RetentionPlan) -> None:
        if plan.log_start_offset > log.log_start_offset:
            logger.info(
                "%s starts at offset %d now: %d segments (%d bytes) were too old, %d (%d bytes) too much",
                log.directory,
                plan.log_start_offset,
                plan.aged_segments,
                plan.aged_bytes,
                plan.oversize_segments,
                plan.oversize_bytes,
            )
        if plan.kept_for_reader and log not in self._kept_for_reader:
            self._kept_for_reader.add(log)
            logger.warning(
                "%s is past its limits and kept while %.0f %% of the disk are free: a group of broker.retention_groups"
                " (%s) has not read it",
                log.directory,
                100 * WAIT_SHARE,
                self._partitions.config.retention_groups,
            )
        elif not plan.kept_for_reader:
            self._kept_for_reader.discard(log)
        if plan.kept_by_future_ms is not None and log not in self._kept_by_future:
            self._kept_by_future.add(log)
            logger.warning(
                "%s has a record of the future, timestamp %d: its segment and those behind stay until retention.ms "
                "after that (or until retention.bytes is exceeded)",
                log.directory,
                plan.kept_by_future_ms,
            )

    async def move_starts(self, starts: Mapping[PartitionLog, int]) -> None:
        """Let logs start at these offsets, durably, and give back the space of what is before. Never lower, never above
        the high watermark. A log that goes offline meanwhile stays as it is. Raises ApiError KAFKA_STORAGE_ERROR, and
        then no log has moved."""
        moving = {log: offset for log, offset in starts.items() if log.start_moved_to(offset) > log.log_start_offset}
        if not moving:
            return
        logs = self._partitions.logs
        loop = asyncio.get_running_loop()
        for log, offset in moving.items():
            log.roll_at(offset)
            await asyncio.sleep(0)
        try:
            await loop.run_in_executor(None, logs.save_starts, moving)
        except OSError as error:
            raise ApiError(ErrorCode.kafka_storage_error, f"cannot move the log start: {error.strerror}") from error
        paths = []
        for log, offset in moving.items():
            paths += logs.drop_segments(log, offset)
            await asyncio.sleep(0)
        if paths:
            removal = loop.run_in_executor(None, logs.remove_files, paths)
            self._removals.add(removal)
            removal.add_done_callback(self._removals.discard)


def _facts(segment: Segment) -> SegmentFacts:
    newest_ms = segment.max_timestamp
    return SegmentFacts(
        base_offset=segment.base_offset,
        size_bytes=segment.size_bytes,
        newest_ms=segment.log.modified_ms() if newest_ms == NO_TIMESTAMP else newest_ms,
    )
