"""A member of the classic protocol in a group that may be of the new one: what a cooperative consumer does, call by
call. It lets go what it is not assigned, and joins again then."""

from __future__ import annotations

from dataclasses import dataclass, field

from kio.schema.errors import ErrorCode

from logpost_broker.coordinator.outcome import Reply
from logpost_broker.coordinator.record_fields import int16, int32, string
from logpost_broker.groups.classic.messages import (
    Heartbeat,
    HeartbeatReply,
    Join,
    JoinedMember,
    JoinReply,
    Leave,
    LeaveReply,
    LeavingMember,
    Sync,
    SyncReply,
)
from logpost_broker.groups.consumer.classic_protocol import assignment_of, read_assignment, read_subscription
from tests.broker.groups.consumer.harness import GROUP, REBALANCE_MS, ConsumerHarness

SESSION_MS = 6_000
VERSION = 3
Named = frozenset[tuple[str, int]]


def subscription(topics: tuple[str, ...], owned: Named, generation: int) -> bytes:
    """ConsumerProtocolSubscription, version 3."""
    names = int32(len(topics)) + b"".join(string(topic) for topic in topics)
    has = assignment_of(owned, VERSION)[2:-4]
    return int16(VERSION) + names + int32(-1) + has + int32(generation) + string(None)


@dataclass(slots=True)
class ClassicClient:
    h: ConsumerHarness
    name: str
    topics: tuple[str, ...] = ("logs",)
    instance_id: str | None = None
    member_id: str = ""
    generation: int = -1
    owned: Named = frozenset()
    is_eager: bool = False
    """It lets everything go before it joins."""
    joined: JoinReply | None = None
    """While it has joined and not synced."""
    is_in: bool = False
    """It has a place in its generation."""
    is_parked: bool = False
    """Its JoinGroup or SyncGroup is not answered yet."""
    replies: list[Reply] = field(default_factory=list)

    def join(self, **said: object) -> None:
        """The answer may come later, by `hear`."""
        self.is_parked = True
        if self.is_eager:
            self.owned = frozenset()
        values = {
            "group_id": GROUP,
            "member_id": self.member_id,
            "new_member_id": f"{self.name}-id",
            "instance_id": self.instance_id,
            "client_id": "test",
            "client_host": "/127.0.0.1",
            "session_timeout_ms": SESSION_MS,
            "rebalance_timeout_ms": REBALANCE_MS,
            "protocol_type": "consumer",
            "protocols": (("cooperative-sticky", subscription(self.topics, self.owned, self.generation)),),
            "requires_known_member_id": False,
            "supports_skip_assignment": True,
        }
        self.h.carry_out(self.h.core.join(Join(**{**values, **said}), self.hear, self.h.now_ms))  # type: ignore[arg-type]  # by name

    def sync(self) -> None:
        assert self.joined is not None
        self.is_parked = True
        assignments = share(self.joined.members, self.h) if self.joined.members else {}
        request = Sync(
            group_id=GROUP,
            member_id=self.member_id,
            instance_id=self.instance_id,
            generation=self.generation,
            protocol_type="consumer",
            protocol=self.joined.protocol,
            assignments=assignments,
        )
        self.h.carry_out(self.h.core.sync(request, self.hear, self.h.now_ms))

    def heartbeat(self) -> ErrorCode:
        request = Heartbeat(
            group_id=GROUP, member_id=self.member_id, instance_id=self.instance_id, generation=self.generation
        )
        self.h.carry_out(self.h.core.heartbeat(request, self.hear, self.h.now_ms))
        reply = self.replies[-1]
        assert isinstance(reply, HeartbeatReply)
        return reply.code

    def leave(self) -> ErrorCode:
        leaving = LeavingMember(member_id=self.member_id, instance_id=self.instance_id)
        self.h.carry_out(self.h.core.leave(Leave(group_id=GROUP, members=[leaving]), self.hear, self.h.now_ms))
        reply = self.replies[-1]
        assert isinstance(reply, LeaveReply)
        [(_, code)] = reply.members
        return code

    def hear(self, reply: Reply) -> None:
        self.replies.append(reply)
        if isinstance(reply, JoinReply):
            self.is_parked, self.joined = False, None
            self.member_id = reply.member_id or self.member_id
            if reply.code is ErrorCode.none:
                self.joined, self.generation = reply, reply.generation
        elif isinstance(reply, SyncReply):
            self.is_parked, self.joined = False, None
            self.is_in = reply.code is ErrorCode.none
            if self.is_in:
                self.owned = read_assignment(reply.assignment)

    def lose_connection(self) -> None:
        """What it asked is never answered."""
        self.is_parked = self.is_in = False
        self.joined = None

    def give_up(self) -> None:
        """It was out of touch for so long that it is a member no more, and starts again."""
        self.lose_connection()
        self.member_id, self.generation, self.owned = "", -1, frozenset()

    def step(self) -> None:
        """What a client does next."""
        if self.is_parked:
            return
        if self.joined is not None:
            self.sync()
        elif not self.is_in:
            self.join()
        elif (code := self.heartbeat()) is not ErrorCode.none:
            self.is_in = False
            if code is not ErrorCode.rebalance_in_progress:
                self.give_up()


def share(members: tuple[JoinedMember, ...], h: ConsumerHarness) -> dict[str, bytes]:
    """What a leader does: partitions in turn to who subscribes to their topic."""
    shares: dict[str, list[tuple[str, int]]] = {member.member_id: [] for member in members}
    topics = {member.member_id: read_subscription(member.metadata).topics for member in members}
    for topic, image in h.topics.items():
        readers = [member_id for member_id, wanted in topics.items() if topic in wanted]
        for partition in range(image.partitions if readers else 0):
            shares[readers[partition % len(readers)]].append((topic, partition))
    return {member_id: assignment_of(mine, VERSION) for member_id, mine in shares.items()}
