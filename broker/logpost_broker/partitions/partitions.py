"""All topics and their partitions, without sockets: what handlers, coordinators and upkeep stand on.

- `topics`: the registry (`by_name`, `by_id`); `create_topics`, `change_topics` change it durably.
- `log(topic, partition)`: a partition's log. `durable(log)`: a future of everything appended to it so far being as safe
  as `broker.flush` says. Both raise ApiError.
- `now_ms()`: the clock. `turns`: what takes more than a few milliseconds is done in steps.
- A coordinator's state is a log: `open_internal_log("__consumer_offsets")` creates the topic on first use and
  `find_internal_log(...)` returns None before that.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from kio.schema.errors import ErrorCode

from logpost import ownership
from logpost.config import BrokerConfig
from logpost.errors import StartError
from logpost.said_once import SaidOnce
from logpost_broker.errors import ApiError, without_traces
from logpost_broker.log.disk_reserve import DiskReserve
from logpost_broker.log.files import Files
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.metadata.broker_settings import BrokerSettings
from logpost_broker.metadata.ids import NODE_ID, new_id
from logpost_broker.metadata.metadata_file import MetadataFile
from logpost_broker.metadata.resource_configs import ResourceConfigs
from logpost_broker.metadata.topics import NewTopic, ProducerIds, Topic, TopicChanges, TopicRegistry
from logpost_broker.metrics import BrokerMetrics
from logpost_broker.partitions.appender import Appender
from logpost_broker.partitions.directory import Advance, LogDirectory, silent
from logpost_broker.partitions.flusher import Flusher
from logpost_broker.partitions.internal_log import SEGMENT_BYTES, InternalLog
from logpost_broker.steps import in_parts
from logpost_broker.turns import Turns

CHANGES_A_WRITE = 100
"""Topics, or other resources, that one write of the metadata file changes."""

T = TypeVar("T")
logger = logging.getLogger("broker")


class Parked(Protocol):
    """A request that waits, such as a long poll."""

    def release(self) -> None:
        """Answer now with what there is."""


class Partitions:
    def __init__(
        self,
        config: BrokerConfig,
        directory: Path,
        *,
        files: Files | None = None,
        clock: Callable[[], int] = time.time_ns,
        new_id: Callable[[], uuid.UUID] = new_id,
        sync_pool: Executor | None = None,
    ) -> None:
        """Read the metadata of `directory`, which the caller has locked; `open` then recovers the logs. `files`,
        `clock` (Unix nanoseconds), `new_id` and `sync_pool` are the system's own unless a test brings others. Raises
        StartError when the directory cannot be read or written."""
        files = files or Files()
        self._clock = clock
        try:
            self.metadata = MetadataFile(directory, files)
        except OSError as error:
            raise _unusable(directory, error) from error
        self.topics = TopicRegistry(self.metadata, new_id, max_partitions=config.max_partitions)
        self.producer_ids = ProducerIds(self.metadata)
        self.resource_configs = ResourceConfigs(self.metadata)
        self.settings = BrokerSettings(config, NODE_ID, self.resource_configs)
        self.config = config = self.settings.in_force()
        self.logs = LogDirectory(directory, files, config, self.metadata)
        self.disk_reserve = DiskReserve(
            config.disk_reserve_bytes, partial(files.space, directory), place=str(directory)
        )
        self.turns = Turns()
        self.metrics = BrokerMetrics()
        self.flusher = Flusher(config, self.logs, self.now_ms, sync_pool)
        self.appender = Appender(self.metrics, self.flusher.written)
        self.metrics.watch_disk(self.disk_reserve)
        self.metrics.logs.watch(self.logs)
        self.metrics.watch_partitions(lambda: self.topics.partitions, self.topics.max_partitions)
        self.when_deleted: list[Callable[[Sequence[Topic]], Awaitable[None]]] = []
        """Called with topics that are gone."""
        self.changing = asyncio.Lock()
        """Held by who changes what the metadata file has for a client: see `saved`."""
        self._writer = sync_pool or ThreadPoolExecutor(1, thread_name_prefix="metadata")
        self._said = SaidOnce(logger)
        self.advance: Callable[[], None] = partial(silent, "")
        """Called after each step of a replay at the start. May raise to end it."""
        self.is_stopping = False
        self.parked: set[Parked] = set()
        """Requests that wait for something that may not come before the broker stops."""

    def open(self, advance: Advance = silent) -> None:
        """Recover the logs; `advance` as for `LogDirectory.open`. Raises StartError when the directory cannot be read
        or written."""
        try:
            self.logs.open(self.topics, self.now_ms(), advance)
        except OSError as error:
            raise _unusable(self.logs.directory, error) from error

    async def close(self, advance: Advance = silent) -> None:
        """Close the logs as a clean shutdown; nothing is appended any more. `advance` as for `LogDirectory.close`."""
        async with self.changing:
            self._writer.shutdown()
        await self.flusher.close(advance)
        try:
            self.metadata.settle()
            self.logs.close(self.now_ms(), advance)
        except OSError as error:
            logger.error("cannot close the logs in order, the next start checks them: %s", error)

    def now_ms(self) -> int:
        return self._clock() // 1_000_000

    def log(self, topic: Topic, partition: int) -> PartitionLog:
        """A partition's log. Raises ApiError UNKNOWN_TOPIC_OR_PARTITION for a partition that the topic has not."""
        if not 0 <= partition < topic.partitions:
            raise ApiError(ErrorCode.unknown_topic_or_partition, f"{topic.name} has {topic.partitions} partitions")
        try:
            return self.logs.get(topic, partition)
        except OSError as error:
            why, mends = f"{error.filename}: {error.strerror}", ownership.remedy(error)
            self._said.error((topic.id, partition), "%s-%d cannot be used: %s%s", topic.name, partition, why, mends)
            raise ApiError(ErrorCode.kafka_storage_error, f"the log cannot be opened: {error.strerror}") from error

    async def opened(self, topic: Topic, partition: int) -> PartitionLog:
        """As `log`. To open one takes milliseconds: each that is not open waits for a turn. Raises ApiError
        UNKNOWN_TOPIC_OR_PARTITION also where the topic was deleted meanwhile."""
        if not self.logs.is_open(topic, partition):
            await self.turns.wait()
            if self.topics.by_id(topic.id) is None:
                raise ApiError(ErrorCode.unknown_topic_or_partition, f"{topic.name} was deleted")
        log = self.log(topic, partition)
        self._said.over((topic.id, partition))
        return log

    def durable(self, log: PartitionLog) -> asyncio.Future[None]:
        """Done when everything appended to `log` so far is as safe as `broker.flush` says; raises ApiError
        KAFKA_STORAGE_ERROR when it cannot be."""
        return self.flusher.durable(log)

    async def shown(self, logs: Iterable[PartitionLog]) -> None:
        """Wait until clients see what they were told is in `logs`: acks=1 answers before the sync that `broker.flush =
        "commit"` waits for. A log that cannot be synced is not waited for."""
        pending = [self.durable(log) for log in logs if log.high_watermark < log.next_offset]
        if pending:
            await asyncio.gather(*pending, return_exceptions=True)

    def admit(self, size_bytes: int, now_ms: int) -> None:
        """Whether a client may write so much. Raises ApiError KAFKA_STORAGE_ERROR when only the disk's reserve is
        free."""
        try:
            self.disk_reserve.admit(size_bytes, now_ms)
        except ApiError:
            self.metrics.batches.refused_for_room.inc()
            raise

    def topic_of(self, topic_id: uuid.UUID | None) -> Topic:
        """The topic of a request's id. Raises ApiError UNKNOWN_TOPIC_ID."""
        topic = self.topics.by_id(topic_id)
        if topic is None:
            raise ApiError(ErrorCode.unknown_topic_id, "no topic has this id")
        return topic

    def create_topic(
        self, name: str, partitions: int, configs: Mapping[str, str | None] | None = None, *, internal: bool = False
    ) -> Topic:
        """Create a topic durably. Raises ApiError: INVALID_TOPIC_EXCEPTION, TOPIC_ALREADY_EXISTS, INVALID_PARTITIONS,
        POLICY_VIOLATION (too many of them), INVALID_CONFIG, KAFKA_STORAGE_ERROR."""
        topic = self.topics.create(NewTopic(name, partitions, configs or {}, internal))
        _say_created(topic)
        return topic

    async def saved(self, save: Callable[[], None]) -> ApiError | None:
        """Call the `save` of changes in a thread; returns the ApiError that it raises, or NOT_CONTROLLER where the
        broker stops. Who changes what the metadata file has holds `changing` from what is decided until it takes
        effect."""
        try:
            self.require_running()
            await asyncio.get_running_loop().run_in_executor(self._writer, save)
        except ApiError as error:
            return without_traces(error)
        return None

    async def change_topics(
        self, wanted: Sequence[T], decide: Callable[[TopicChanges, T], Topic]
    ) -> list[Topic | ApiError]:
        """Change topics durably, `CHANGES_A_WRITE` with each write, while others are served; returns what became of
        each. `decide` raises ApiError for what cannot be."""
        outcomes: list[Topic | ApiError] = []
        for some in in_parts(wanted, CHANGES_A_WRITE):
            async with self.changing:
                changes = self.topics.changes()
                decided = [self._decided(partial(decide, changes, one)) async for one in self.turns.each(some)]
                error = await self.save_topics(changes)
            outcomes += [one if error is None or isinstance(one, ApiError) else error for one in decided]
        return outcomes

    def _decided(self, decide: Callable[[], Topic]) -> Topic | ApiError:
        try:
            return decide()
        except ApiError as error:
            return without_traces(error)

    def _say_full(self, outcomes: Iterable[Topic | ApiError]) -> None:
        """Once, not whenever a client asks again."""
        refused = [one for one in outcomes if isinstance(one, ApiError) and one.code is ErrorCode.policy_violation]
        if refused:
            self._said.warn("full", "topics are not made: %s", refused[0])
        else:
            self._said.over("full")

    async def save_topics(self, changes: TopicChanges) -> ApiError | None:
        """Make them durable and let them take effect; returns the error, if they cannot be saved. The caller holds
        `changing`."""
        if not changes.is_any:
            return None
        error = await self.saved(changes.save)
        if error is not None:
            return error
        changes.take_effect()
        if changes.deleted:
            await self._remove_logs(changes.deleted)
        return None

    async def create_topics(self, wanted: Sequence[NewTopic]) -> dict[str, Topic | ApiError]:
        """Create topics of different names as `change_topics` does. Returns by name what became of each: an error of
        `create_topic`, or NOT_CONTROLLER when the broker stops."""
        if not wanted:
            return {}
        outcomes = await self.change_topics(wanted, TopicChanges.create)
        for topic in outcomes:
            if isinstance(topic, Topic):
                _say_created(topic)
        self._say_full(outcomes)
        return {one.name: outcome for one, outcome in zip(wanted, outcomes, strict=True)}

    def reconfigure(self) -> None:
        """Clients have changed settings of the broker, or they are others in its file: they hold from now on."""
        self.config = self.settings.in_force()
        self.topics.max_partitions = self.config.max_partitions
        self.disk_reserve.wanted_bytes = self.config.disk_reserve_bytes
        self.logs.reconfigure_all(self.config, self.topics)

    async def _remove_logs(self, deleted: Sequence[Topic]) -> None:
        """Of topics that are gone."""
        async for topic in self.turns.each(deleted):
            for log in self.logs.close_topic(topic):
                self.flusher.forget(log)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._writer, self.logs.directories.mark_deleted, deleted)
        loop.run_in_executor(None, self.logs.directories.remove_deleted)
        for call in self.when_deleted:
            await call(deleted)
        for topic in deleted:
            logger.info("deleted topic %s", topic.name)

    def find_internal_log(self, name: str) -> InternalLog | None:
        """The log of an internal topic, or None before its first use. For the start: raises StartError where it cannot
        be used."""
        topic = self.topics.by_name(name)
        try:
            return None if topic is None else self._internal_log(self.logs.get(topic, 0))
        except OSError as error:
            raise _unusable(self.logs.directory, error) from error

    def open_internal_log(self, name: str) -> InternalLog:
        """The log of an internal topic, which is created where it is not: one partition, because a single node gains
        nothing from more, and one file is one sync."""
        topic = self.topics.by_name(name) or self.create_topic(
            name, 1, {"cleanup.policy": "compact", "segment.bytes": str(SEGMENT_BYTES)}, internal=True
        )
        return self._internal_log(self.log(topic, 0))

    def require_running(self) -> None:
        """For what takes many turns of the loop. Raises ApiError NOT_CONTROLLER, which clients try again."""
        if self.is_stopping:
            raise ApiError(ErrorCode.not_controller, "the broker stops")

    def release_parked(self) -> None:
        """The broker stops: answer now what waits, and let nothing wait from here on."""
        self.is_stopping = True
        for parked in tuple(self.parked):
            parked.release()

    def _internal_log(self, log: PartitionLog) -> InternalLog:
        return InternalLog(log, self.logs, self.flusher, self.now_ms, self.advance)


def _unusable(directory: Path, error: OSError) -> StartError:
    return StartError(f"cannot use {error.filename or directory}: {error.strerror}")


def _say_created(topic: Topic) -> None:
    plural = "" if topic.partitions == 1 else "s"
    logger.info("created topic %s with %d partition%s", topic.name, topic.partitions, plural)
