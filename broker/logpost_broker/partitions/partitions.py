"""All topics and their partitions, without sockets: what handlers, coordinators and upkeep stand on.

- `topics`: the registry (`by_name`, `by_id`); `create_topics`, `delete_topic` change it durably.
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
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import Protocol

from kio.schema.errors import ErrorCode

from logpost.config import BrokerConfig
from logpost.errors import StartError
from logpost_broker.errors import ApiError
from logpost_broker.log.disk_reserve import DiskReserve
from logpost_broker.log.files import Files
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.metadata.broker_settings import BrokerSettings
from logpost_broker.metadata.ids import NODE_ID, new_id
from logpost_broker.metadata.metadata_file import MetadataFile
from logpost_broker.metadata.resource_configs import ResourceConfigs
from logpost_broker.metadata.topics import TOPICS_A_WRITE, NewTopic, ProducerIds, Topic, TopicRegistry
from logpost_broker.metrics import BrokerMetrics
from logpost_broker.partitions.appender import Appender
from logpost_broker.partitions.directory import LogDirectory
from logpost_broker.partitions.flusher import Flusher
from logpost_broker.partitions.internal_log import SEGMENT_BYTES, InternalLog
from logpost_broker.turns import Turns

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
        self.metrics.watch_logs(self.logs)
        self.metrics.watch_partitions(lambda: self.topics.partitions, self.topics.max_partitions)
        self.when_deleted: list[Callable[[Topic], None]] = []
        """Called with each topic that is gone."""
        self._is_full = False
        """No topic could be made, which was said."""
        self.is_stopping = False
        self.parked: set[Parked] = set()
        """Requests that wait for something that may not come before the broker stops."""

    def open(self) -> None:
        """Recover the logs. Raises StartError when the directory cannot be read or written."""
        try:
            self.logs.open(self.topics, self.now_ms())
        except OSError as error:
            raise _unusable(self.logs.directory, error) from error

    async def close(self) -> None:
        """Close the logs as a clean shutdown; nothing is appended any more."""
        await self.flusher.close()
        try:
            self.logs.close(self.now_ms())
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
            raise ApiError(ErrorCode.kafka_storage_error, f"the log cannot be opened: {error.strerror}") from error

    async def opened(self, topic: Topic, partition: int) -> PartitionLog:
        """As `log`. To open one takes milliseconds: each that is not open waits for a turn. Raises ApiError
        UNKNOWN_TOPIC_OR_PARTITION also where the topic was deleted meanwhile."""
        if not self.logs.is_open(topic, partition):
            await self.turns.wait()
            if self.topics.by_id(topic.id) is None:
                raise ApiError(ErrorCode.unknown_topic_or_partition, f"{topic.name} was deleted")
        return self.log(topic, partition)

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
            self.metrics.refused_for_room.inc()
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

    async def create_topics(self, wanted: Sequence[NewTopic]) -> dict[str, Topic | ApiError]:
        """Create topics of different names durably, `TOPICS_A_WRITE` with each write; others are served between two
        writes. Returns by name what became of each: an error of `create_topic`, or NOT_CONTROLLER when the broker
        stops."""
        outcomes: dict[str, Topic | ApiError] = {}
        for begin in range(0, len(wanted), TOPICS_A_WRITE):
            if begin:
                await self.turns.wait()
            some = wanted[begin : begin + TOPICS_A_WRITE]
            if self.is_stopping:
                outcomes |= {one.name: ApiError(ErrorCode.not_controller, "the broker stops") for one in some}
                continue
            made = self.topics.create_all(some)
            outcomes |= made
            self._say_full(made.values())
            for topic in made.values():
                if isinstance(topic, Topic):
                    _say_created(topic)
        return outcomes

    def _say_full(self, outcomes: Iterable[Topic | ApiError]) -> None:
        """Once, not whenever a client asks again."""
        refused = [one for one in outcomes if isinstance(one, ApiError) and one.code is ErrorCode.policy_violation]
        if refused and not self._is_full:
            logger.warning("topics are not made: %s", refused[0])
        self._is_full = bool(refused)

    def grow_topic(self, topic: Topic, partitions: int) -> None:
        """Add partitions to a topic, durably. Raises ApiError: INVALID_PARTITIONS, POLICY_VIOLATION,
        KAFKA_STORAGE_ERROR."""
        self.topics.grow(topic, partitions)
        logger.info("topic %s has %d partitions now", topic.name, partitions)

    def configure_topic(self, topic: Topic, overrides: Mapping[str, str]) -> None:
        """Change a topic's configuration, durably; it holds from the next batch on. Raises ApiError
        KAFKA_STORAGE_ERROR."""
        self.logs.reconfigure(self.topics.configure(topic, overrides))
        logger.info("topic %s is configured with %s", topic.name, overrides or "the broker's defaults")

    def reconfigure(self) -> None:
        """Clients have changed settings of the broker: they hold from now on."""
        self.config = self.settings.in_force()
        self.logs.reconfigure_all(self.config, self.topics)

    def delete_topic(self, topic: Topic) -> None:
        """Delete a topic, durably, with its logs. Raises ApiError
        KAFKA_STORAGE_ERROR."""
        self.topics.delete(topic)
        for log in self.logs.delete(topic):
            self.flusher.forget(log)
        asyncio.get_running_loop().run_in_executor(None, self.logs.remove_deleted)
        for call in self.when_deleted:
            call(topic)
        logger.info("deleted topic %s", topic.name)

    def find_internal_log(self, name: str) -> InternalLog | None:
        """The log of an internal topic, or None before its first use."""
        topic = self.topics.by_name(name)
        return None if topic is None else self._internal_log(topic)

    def open_internal_log(self, name: str) -> InternalLog:
        """The log of an internal topic, which is created where it is not: one partition, because a single node gains
        nothing from more, and one file is one sync."""
        topic = self.topics.by_name(name) or self.create_topic(
            name, 1, {"cleanup.policy": "compact", "segment.bytes": str(SEGMENT_BYTES)}, internal=True
        )
        return self._internal_log(topic)

    def require_running(self) -> None:
        """For what takes many turns of the loop. Raises ApiError NOT_CONTROLLER, which clients try again."""
        if self.is_stopping:
            raise ApiError(ErrorCode.not_controller, "the broker stops")

    def release_parked(self) -> None:
        """The broker stops: answer now what waits, and let nothing wait from here on."""
        self.is_stopping = True
        for parked in tuple(self.parked):
            parked.release()

    def _internal_log(self, topic: Topic) -> InternalLog:
        return InternalLog(self.log(topic, 0), self.logs, self.durable, self.now_ms)


def _unusable(directory: Path, error: OSError) -> StartError:
    return StartError(f"cannot use {error.filename or directory}: {error.strerror}")


def _say_created(topic: Topic) -> None:
    plural = "" if topic.partitions == 1 else "s"
    logger.info("created topic %s with %d partition%s", topic.name, topic.partitions, plural)
