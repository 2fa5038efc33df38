"""Consumer groups driven through the pure coordinator, with topics and a clock of its own; members as KIP-848's client
is: they revoke when told, and join again when fenced."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from kio.schema.errors import ErrorCode

from logpost_broker.groups.consumer.events import Partitions
from logpost_broker.groups.consumer.listing import DescribedConsumerGroup
from logpost_broker.groups.consumer.messages import MemberHeartbeat, MemberHeartbeatReply
from logpost_broker.groups.coordinator import GroupCoordinator
from logpost_broker.metadata.group_limits import ConsumerGroupLimits
from logpost_broker.metadata.topics_image import TopicImage, TopicsImage
from tests.broker.groups.core import CoreHarness, coordinator

GROUP = "g"
REBALANCE_MS = 10_000


@dataclass(slots=True)
class Client:
    """What one member knows."""

    member_id: str
    instance_id: str | None = None
    epoch: int = 0
    owned: Partitions = frozenset()
    topics: tuple[str, ...] | None = ("logs",)
    regex: str | None = None
    assignor: str | None = None


@dataclass(slots=True)
class ConsumerHarness(CoreHarness):
    limits: ConsumerGroupLimits = field(default_factory=ConsumerGroupLimits)
    topics: dict[str, TopicImage] = field(default_factory=dict)
    version: int = 0
    clients: dict[str, Client] = field(default_factory=dict)

    def __post_init__(self) -> None:
        CoreHarness.__post_init__(self)
        self.set_topic("logs", 4)

    def new_core(self) -> GroupCoordinator:
        return coordinator(lambda: TopicsImage(self.version, dict(self.topics)), consumers=lambda: self.limits)

    def set_topic(self, name: str, partitions: int | None) -> None:
        """Create it, or give it so many partitions; None deletes it."""
        known = self.topics.pop(name, None)
        self.version += 1
        if partitions is not None:
            self.topics[name] = TopicImage(known.id if known else uuid.uuid4(), partitions)

    @property
    def group(self) -> DescribedConsumerGroup:
        described = self.core.consumers.describe(GROUP)
        assert described is not None
        return described

    def all_partitions(self, *topics: str) -> Partitions:
        return frozenset(
            (self.topics[name].id, partition) for name in topics for partition in range(self.topics[name].partitions)
        )

    def client(self, name: str, **settings: object) -> Client:
        client = self.clients.setdefault(name, Client(name))
        for key, value in settings.items():
            setattr(client, key, value)
        return client

    def beat(self, name: str, *, epoch: int | None = None, **said: object) -> MemberHeartbeatReply:
        """A whole heartbeat of a member that obeys: it owns what it is told, at once, from the next heartbeat on."""
        client = self.client(name)
        values = {
            "group_id": GROUP,
            "member_id": client.member_id,
            "member_epoch": client.epoch if epoch is None else epoch,
            "instance_id": client.instance_id,
            "rack_id": None,
            "client_id": "test",
            "client_host": "/127.0.0.1",
            "rebalance_timeout_ms": REBALANCE_MS,
            "topic_names": client.topics,
            "topic_regex": client.regex,
            "server_assignor": client.assignor,
            "owned": client.owned if client.epoch else frozenset(),
        }
        reply = self.send(MemberHeartbeat(**{**values, **said}))  # type: ignore[arg-type]  # values of many types
        self._hear(client, reply)
        return reply

    def _hear(self, client: Client, reply: MemberHeartbeatReply) -> None:
        if reply.code in (ErrorCode.fenced_member_epoch, ErrorCode.unknown_member_id, ErrorCode.group_id_not_found):
            client.epoch, client.owned = 0, frozenset()
        elif reply.code is ErrorCode.none:
            client.epoch = max(0, reply.member_epoch)
            client.owned = frozenset() if reply.member_epoch < 0 else client.owned
            if reply.assigned is not None:
                client.owned = reply.assigned

    def send(self, request: MemberHeartbeat) -> MemberHeartbeatReply:
        outcome = self.core.consumer_heartbeat(request, "waiter", self.now_ms)
        self.carry_out(outcome)
        [reply] = [reply for waiter, reply in outcome.replies if waiter == "waiter"]
        assert isinstance(reply, MemberHeartbeatReply)
        return reply

    def leave(self, name: str, epoch: int = -1) -> MemberHeartbeatReply:
        return self.beat(name, epoch=epoch)

    def settle(self, *names: str) -> None:
        """Heartbeats until nothing changes any more."""
        for _ in range(4 + 2 * len(names)):
            for name in names:
                self.beat(name)
