"""A whole broker without sockets: topics, logs, and the services that live on them. What handlers talk to.

For handlers
- `node.topics`: the registry (`by_name`, `by_id`); `node.create_topics`, `node.delete_topic` change it durably.
- `node.log(topic, partition)`: a partition's log. `node.durable(log)`: a future of everything appended to it so far
  being as safe as `broker.flush` says. Both raise ApiError.
- `node.now_ms()`: the clock. `node.turns`: who has work of more than a few milliseconds does it in steps.
- `node.service(GroupCoordinator)`: a service, by its class.
- `node.host`, `node.port`: where clients reach this broker, for FindCoordinator and Metadata; `NODE_ID` is its id.

For services (coordinators)
- A service is made by a factory listed in `broker.SERVICES`, which is given the node. `start` is called with the loop
  running and the logs recovered, before the first connection is accepted; `stop` after the last request, while logs
  still take appends; `topics_deleted` when topics are gone.
- Its state is a log: `node.open_internal_log("__consumer_offsets")` creates the topic on first use and
  `node.find_internal_log(...)` answers None while nobody did. See `InternalLog` for reading it at boot, appending with
  `await`, and dropping what a newer snapshot replaces.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from kio.schema.errors import ErrorCode

from logpost.config import BrokerConfig
from logpost.errors import StartError
from logpost_broker.byte_budget import ByteBudget
from logpost_broker.client_quotas import ClientQuotas
from logpost_broker.configs.broker_settings import BrokerSettings
from logpost_broker.configs.store import ResourceConfigs
from logpost_broker.errors import ApiError
from logpost_broker.fetch_sessions import MAX_INT, FetchSessions
from logpost_broker.ids import new_id
from logpost_broker.log.batch import BatchHeader, whole_batches
from logpost_broker.log.disk_reserve import DiskReserve
from logpost_broker.log.files import Files
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.log.records import Record, build_batch, records_of
from logpost_broker.log_directory import LogDirectory
from logpost_broker.metadata_file import MetadataFile
from logpost_broker.metrics import BrokerMetrics
from logpost_broker.producer_identity import ProducerIdentity
from logpost_broker.scram_credentials import ScramCredentials
from logpost_broker.server.appender import Appender
from logpost_broker.server.flusher import Flusher
from logpost_broker.topics import TOPICS_A_WRITE, NewTopic, ProducerIds, Topic, TopicRegistry
from logpost_broker.turns import Turns

NODE_ID = 1
INTERNAL_SEGMENT_BYTES = 16 * 1024 * 1024
READ_BYTES = 1024 * 1024

S = TypeVar("S")
logger = logging.getLogger("broker")


class Service(Protocol):
    """What lives in a node beside the logs, such as the group coordinator."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def topics_deleted(self, topics: Sequence[Topic]) -> None: ...


class Parked(Protocol):
    """A request that waits, such as a long poll."""

    def release(self) -> None:
        """Answer now with what there is."""


class InternalLog:
    """The one partition of a topic that the broker keeps its own state in."""

    def __init__(self, node: Node, topic: Topic) -> None:
        self._node = node
        self._log = node.log(topic, 0)

    @property
    def log_start_offset(self) -> int:
        return self._log.log_start_offset

    @property
    def next_offset(self) -> int:
        return self._log.next_offset

    @property
    def size_bytes(self) -> int:
        return self._log.size_bytes

    def append(
        self, records: Sequence[tuple[bytes | None, bytes | None]], producer: ProducerIdentity | None = None
    ) -> asyncio.Future[None]:
        """Append (key, value) pairs as one batch, now and in this order, in a transaction of `producer` if it is given;
        the future is done when they are as safe as `broker.flush` says, and raises ApiError when they cannot be. Raises
        ApiError when the log is offline."""
        return self.append_batch(build_batch(records, self._node.now_ms(), producer))

    def append_batch(self, batch: bytes) -> asyncio.Future[None]:
        """Append a batch that is built already; answers and raises as `append`."""
        self._log.append(batch, now_ms=self._node.now_ms())
        return self._node.durable(self._log)

    def append_marker(
        self, producer: ProducerIdentity, *, coordinator_epoch: int, commit: bool
    ) -> asyncio.Future[None]:
        """Append the end of a producer's transaction; answers and raises as `append`."""
        self._log.append_marker(
            producer.producer_id, producer.epoch, coordinator_epoch, commit=commit, now_ms=self._node.now_ms()
        )
        return self._node.durable(self._log)

    def records(self) -> Iterator[tuple[BatchHeader, Record]]:
        """All records from the log start on with the headers of their batches, for the replay at boot."""
        offset = self._log.log_start_offset
        while offset < self._log.next_offset:
            data = self._log.read(offset, READ_BYTES, up_to_end=True)
            start = offset
            for position, header in whole_batches(data):
                for record in records_of(memoryview(data)[position : position + header.size_bytes]):
                    if record.offset >= start:
                        yield header, record
                offset = header.last_offset + 1

    def truncate_prefix(self, offset: int) -> None:
        """Forget the records below `offset`, durably. Their disk space returns with whole segments (16 MiB). Raises
        ApiError, and then nothing is forgotten."""
        try:
            self._node.logs.truncate_prefix(self._log, offset)
        except OSError as error:
            raise ApiError(ErrorCode.kafka_storage_error, f"cannot move the log start: {error.strerror}") from error


class Node:
    """Topics, logs and services of one data directory."""

    def __init__(
        self,
        config: BrokerConfig,
        directory: Path,
        *,
        host: str,
        port: int,
        files: Files | None = None,
        clock: Callable[[], int] = time.time_ns,
        new_id: Callable[[], uuid.UUID] = new_id,
        sync_pool: Executor | None = None,
    ) -> None:
        """Open the metadata and recover the logs; `directory` is locked by the caller. `host` and `port` are where
        clients reach this broker. `files`, `clock` (Unix nanoseconds), `new_id` and `sync_pool` are the system's own
        unless a test brings others. Raises StartError when the directory cannot be read or written."""
        self.host = host
        self.port = port
        files = files or Files()
        self._clock = clock
        try:
            metadata = MetadataFile(directory, files)
            self.topics = TopicRegistry(metadata, new_id)
            self.resource_configs = ResourceConfigs(metadata)
            self.settings = BrokerSettings(config, NODE_ID, self.resource_configs)
            self.config = config = self.settings.in_force()
            self.logs = LogDirectory(directory, files, config, metadata, self.topics, now_ms=self.now_ms())
            self.disk_reserve = DiskReserve(
                config.disk_reserve_bytes, partial(files.space, directory), place=str(directory)
            )
        except OSError as error:
            raise StartError(f"cannot use {error.filename or directory}: {error.strerror}") from error
        self.cluster_id = metadata.content.cluster_id
        self.producer_ids = ProducerIds(metadata)
        self.client_quotas = ClientQuotas(metadata)
        self.scram_credentials = ScramCredentials(metadata)
        self.turns = Turns()
        self.reading = ByteBudget(config.queued_max_request_bytes, "broker.queued_max_request_bytes")
        self.unsent = ByteBudget(config.queued_max_answer_bytes, "broker.queued_max_answer_bytes")
        self.fetch_sessions = FetchSessions(lambda: random.randint(1, MAX_INT))
        self.flusher = Flusher(config, self.logs, self.now_ms, sync_pool)
        self.metrics = BrokerMetrics()
        self.appender = Appender(self.metrics, self.flusher.written)
        self.metrics.watch_disk(self.disk_reserve)
        self.metrics.watch_logs(self.logs)
        self.metrics.watch_sessions(self.fetch_sessions)
        self.metrics.watch_budgets(self.reading, self.unsent)
        self.is_stopping = False
        self.parked: set[Parked] = set()
        """Requests that wait for something that may not come before the broker stops."""
        self._services: dict[type[Service], Service] = {}

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
        INVALID_CONFIG, KAFKA_STORAGE_ERROR."""
        topic = self.topics.create(NewTopic(name, partitions, configs or {}, internal))
        logger.info("created topic %s with %d partitions", name, partitions)
        return topic

    async def create_topics(self, wanted: Sequence[NewTopic]) -> dict[str, Topic | ApiError]:
        """Create topics of different names durably, `TOPICS_A_WRITE` with each write; others are served between two
        writes. Answers by name what became of each: an error of `create_topic`, or NOT_CONTROLLER when the broker
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
            for topic in made.values():
                if isinstance(topic, Topic):
                    logger.info("created topic %s with %d partitions", topic.name, topic.partitions)
        return outcomes

    def grow_topic(self, topic: Topic, partitions: int) -> None:
        """Add partitions to a topic, durably. Raises ApiError: INVALID_PARTITIONS, KAFKA_STORAGE_ERROR."""
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
        """Delete a topic, durably, with its logs and what the services hold of it. Raises ApiError
        KAFKA_STORAGE_ERROR."""
        self.topics.delete(topic)
        for log in self.logs.delete(topic):
            self.flusher.forget(log)
        asyncio.get_running_loop().run_in_executor(None, self.logs.remove_deleted)
        for service in self._services.values():
            service.topics_deleted([topic])
        logger.info("deleted topic %s", topic.name)

    def find_internal_log(self, name: str) -> InternalLog | None:
        """The log of an internal topic, or None before its first use."""
        topic = self.topics.by_name(name)
        return None if topic is None else InternalLog(self, topic)

    def open_internal_log(self, name: str) -> InternalLog:
        """The log of an internal topic, which is created where it is not: one partition, because a single node gains
        nothing from more, and one file is one sync."""
        topic = self.topics.by_name(name) or self.create_topic(
            name, 1, {"cleanup.policy": "compact", "segment.bytes": str(INTERNAL_SEGMENT_BYTES)}, internal=True
        )
        return InternalLog(self, topic)

    def add_service(self, service: Service) -> None:
        self._services[type(service)] = service

    def service(self, kind: type[S]) -> S:
        """The running service of this class. Raises KeyError when broker.SERVICES does not list it."""
        service = self._services[kind]  # type: ignore[index]  # the key is the class of the value
        assert isinstance(service, kind)
        return service

    async def start(self) -> None:
        """Start the flusher, then the services in the order of their adding."""
        self.flusher.start()
        for service in self._services.values():
            await service.start()

    def require_running(self) -> None:
        """For what takes many turns of the loop. Raises ApiError NOT_CONTROLLER, which clients try again."""
        if self.is_stopping:
            raise ApiError(ErrorCode.not_controller, "the broker stops")

    def release_parked(self) -> None:
        """The broker stops: answer now what waits, and let nothing wait from here on."""
        self.is_stopping = True
        for parked in tuple(self.parked):
            parked.release()

    async def stop(self) -> None:
        """Stop the services, then close the logs as a clean shutdown."""
        await self.appender.close()
        for service in reversed(self._services.values()):
            await service.stop()
        await self.flusher.close()
        try:
            self.logs.close(self.now_ms())
        except OSError as error:
            logger.error("cannot close the logs in order, the next start checks them: %s", error)
