"""Streams groups driven through the pure coordinator, with topics and a clock of its own; members as Kafka Streams'
threads are: they let go when told, and join again when fenced."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace

from kio.schema.errors import ErrorCode

from logpost_broker.groups.coordinator import GroupCoordinator
from logpost_broker.groups.streams.events import Endpoint
from logpost_broker.groups.streams.listing import DescribedStreamsGroup
from logpost_broker.groups.streams.messages import StreamsHeartbeat, StreamsHeartbeatReply
from logpost_broker.groups.streams.statuses import StatusCode
from logpost_broker.groups.streams.tasks import NO_TASKS, TaskId, Tasks
from logpost_broker.groups.streams.topology import InternalTopic, Subtopology, Topology
from logpost_broker.metadata.group_limits import StreamsGroupLimits
from logpost_broker.metadata.topics_image import TopicImage, TopicsImage
from tests.broker.groups.core import CoreHarness, coordinator

GROUP = "app"
REBALANCE_MS = 10_000
AN_INTERVAL_MS = 5_000
LINES, REPARTITION, CHANGELOG = "lines", "app-words-repartition", "app-counts-changelog"
WORD_COUNT = Topology(
    epoch=0,
    subtopologies=(
        Subtopology(id="0", source_topics=(LINES,), repartition_sinks=(REPARTITION,)),
        Subtopology(
            id="1",
            changelogs=(InternalTopic(name=CHANGELOG, partitions=0, replication_factor=0),),
            repartition_sources=(InternalTopic(name=REPARTITION, partitions=0, replication_factor=0),),
        ),
    ),
)
LEFT_BEHIND = (ErrorCode.fenced_member_epoch, ErrorCode.unknown_member_id, ErrorCode.group_id_not_found)


def image(**topics: int) -> TopicsImage:
    """Topics with so many partitions."""
    return TopicsImage(0, {name.replace("_", "-"): TopicImage(uuid.uuid4(), count) for name, count in topics.items()})


def tasks(*active: str, standby: str = "") -> Tasks:
    """`tasks("0_1", "1_0", standby="1_1 1_2")`"""
    return Tasks(active=frozenset(map(_task, active)), standby=frozenset(map(_task, standby.split())))


def _task(text: str) -> TaskId:
    part_id, _, partition = text.partition("_")
    return part_id, int(partition)


@dataclass(slots=True)
class Client:
    """What one thread knows."""

    member_id: str
    process_id: str
    epoch: int = 0
    owned: Tasks = NO_TASKS
    topology: Topology = WORD_COUNT
    endpoint: Endpoint | None = None
    endpoint_epoch: int = 0
    statuses: tuple[StatusCode, ...] = ()


@dataclass(slots=True)
class StreamsHarness(CoreHarness):
    limits: StreamsGroupLimits = field(default_factory=StreamsGroupLimits)
    topics: dict[str, TopicImage] = field(default_factory=dict)
    version: int = 0
    creates: bool = True
    """Whether internal topics are made when they are missing."""
    clients: dict[str, Client] = field(default_factory=dict)

    def __post_init__(self) -> None:
        CoreHarness.__post_init__(self)
        self.set_topic(LINES, 2)

    def new_core(self) -> GroupCoordinator:
        return coordinator(self.image, streams=lambda: self.limits)

    def image(self) -> TopicsImage:
        return TopicsImage(self.version, dict(self.topics))

    def set_topic(self, name: str, partitions: int | None) -> None:
        """Create it, or give it so many partitions; None deletes it."""
        known = self.topics.pop(name, None)
        self.version += 1
        if partitions is not None:
            self.topics[name] = TopicImage(known.id if known else uuid.uuid4(), partitions)

    def limit(self, **limits: int) -> None:
        self.limits = replace(self.limits, **limits)

    @property
    def group(self) -> DescribedStreamsGroup:
        described = self.core.streams.describe(GROUP)
        assert described is not None
        return described

    def client(self, name: str, process_id: str | None = None, **settings: object) -> Client:
        client = self.clients.setdefault(name, Client(name, process_id or f"process of {name}"))
        for key, value in settings.items():
            setattr(client, key, value)
        return client

    def beat(self, name: str, **said: object) -> StreamsHeartbeatReply:
        """A heartbeat of a thread that obeys: it works on what it is told, at once, from the next heartbeat on."""
        client = self.client(name)
        joins = client.epoch == 0
        owned = NO_TASKS if joins else client.owned
        values: dict[str, object] = {
            "group_id": GROUP,
            "member_id": client.member_id,
            "member_epoch": client.epoch,
            "endpoint_epoch": client.endpoint_epoch,
            "client_id": "test",
            "client_host": "/127.0.0.1",
            "rebalance_timeout_ms": REBALANCE_MS,
            "topology": client.topology if joins else None,
            "active": owned.active,
            "standby": owned.standby,
            "warmup": owned.warmup,
            "process_id": client.process_id if joins else None,
            "user_endpoint": client.endpoint if joins else None,
        }
        reply = self.send(StreamsHeartbeat(**{**values, **said}))  # type: ignore[arg-type]  # values of many types
        self._hear(client, reply)
        return reply

    def _hear(self, client: Client, reply: StreamsHeartbeatReply) -> None:
        if reply.code in LEFT_BEHIND:
            client.epoch, client.owned = 0, NO_TASKS
        elif reply.code is ErrorCode.none:
            client.epoch = max(0, reply.member_epoch)
            client.endpoint_epoch = reply.endpoint_epoch
            client.statuses = tuple(status.code for status in reply.statuses)
            if reply.assigned is not None:
                client.owned = reply.assigned

    def send(self, request: StreamsHeartbeat) -> StreamsHeartbeatReply:
        outcome = self.core.streams_heartbeat(request, "waiter", self.now_ms)
        self.carry_out(outcome)
        [(waiter, reply)] = outcome.replies
        assert waiter == "waiter"
        assert isinstance(reply, StreamsHeartbeatReply)
        for topic in reply.missing_topics if self.creates else ():
            self.set_topic(topic.name, topic.partitions)
        return reply

    def leave(self, name: str, **said: object) -> StreamsHeartbeatReply:
        reply = self.beat(name, member_epoch=-1, topology=None, **said)
        self.client(name).owned = NO_TASKS
        return reply

    def settle(self, *names: str) -> None:
        """Heartbeats until nothing changes any more."""
        for _ in range(4 + 2 * len(names)):
            for name in names:
                self.beat(name)
            self.sleep(AN_INTERVAL_MS)
