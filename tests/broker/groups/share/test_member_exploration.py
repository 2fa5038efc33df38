"""Random lives of a share group's members against what has to hold in every one of them.

The model is small: who is alive and what it was told, and which topics there are.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from kio.schema.errors import ErrorCode

from logpost_broker.groups.share.assignor import Assignment
from logpost_broker.groups.share.messages import ShareHeartbeatReply
from tests.broker.groups.share.harness import GROUP, JOBS, LIMITS, MAILS, SESSION_MS, ShareHarness

NAMES = st.sampled_from("abcd")
IDS = {"jobs": JOBS, "mails": MAILS}
TOPICS = st.sampled_from([("jobs",), ("mails",), ("jobs", "mails"), ("nothing",)])
GONE = (ErrorCode.unknown_member_id, ErrorCode.group_id_not_found)


@dataclass
class Client:
    topics: tuple[str, ...]
    epoch: int
    assignment: Assignment
    until_ms: int
    has_lost_answers: bool = False


class ShareGroupLives(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.h = ShareHarness()
        self.clients: dict[str, Client] = {}
        self.epoch = 0

    @rule(name=NAMES, topics=TOPICS)
    def join(self, name: str, topics: tuple[str, ...]) -> None:
        reply = self.h.beat(name, 0, *topics)
        if reply.code is ErrorCode.group_max_size_reached:
            assert name not in self.alive()
            assert len(self.alive()) == LIMITS.max_members
            return
        assert reply.code is ErrorCode.none
        assert reply.assignment is not None
        self.clients[name] = Client(topics, reply.member_epoch, reply.assignment, self.h.now_ms + SESSION_MS)

    @rule(name=NAMES, is_answer_lost=st.booleans())
    def beat(self, name: str, is_answer_lost: bool) -> None:
        client = self.clients.get(name)
        if client is not None:
            self.hear(name, client, self.h.beat(name, client.epoch), is_answer_lost=is_answer_lost)

    @rule(name=NAMES, topics=TOPICS)
    def subscribe(self, name: str, topics: tuple[str, ...]) -> None:
        client = self.clients.get(name)
        if client is not None:
            reply = self.h.beat(name, client.epoch, *topics)
            if reply.code is ErrorCode.none:
                client.topics = topics
            self.hear(name, client, reply, is_answer_lost=False)

    def hear(self, name: str, client: Client, reply: ShareHeartbeatReply, *, is_answer_lost: bool) -> None:
        is_gone = reply.code in GONE
        assert is_gone == (name not in self.alive()), reply
        if is_gone:
            del self.clients[name]
            return
        if reply.code is ErrorCode.fenced_member_epoch:
            assert client.has_lost_answers, "a member that hears everything is never fenced"
            self.join(name, client.topics)
            return
        client.until_ms = self.h.now_ms + SESSION_MS
        client.has_lost_answers |= is_answer_lost
        if not is_answer_lost:
            client.epoch = reply.member_epoch
            client.assignment = client.assignment if reply.assignment is None else reply.assignment

    @rule(name=NAMES)
    def leave(self, name: str) -> None:
        is_alive = name in self.alive()
        assert (self.h.leave(name).code is ErrorCode.none) == is_alive
        self.clients.pop(name, None)

    @rule(passed_ms=st.sampled_from([10, SESSION_MS // 2, SESSION_MS]))
    def sleep(self, passed_ms: int) -> None:
        self.h.sleep(passed_ms)

    @rule(name=st.sampled_from(sorted(IDS)), partitions=st.integers(0, 3))
    def set_topic(self, name: str, partitions: int) -> None:
        self.h.set_topic(name, IDS[name], partitions)

    @rule(name=NAMES, topics=TOPICS)
    def speak_without_a_disk(self, name: str, topics: tuple[str, ...]) -> None:
        """It is answered COORDINATOR_NOT_AVAILABLE, and asks again some time."""
        client = self.clients.get(name)
        self.h.is_disk_gone = True
        self.h.beat(name, 0 if client is None else client.epoch, *topics)
        self.h.is_disk_gone = False
        if client is not None and name in self.alive():
            client.until_ms = self.h.now_ms + SESSION_MS

    @rule()
    def crash(self) -> None:
        self.h.crash_and_replay()
        for name in self.alive():
            self.clients[name].until_ms = self.h.now_ms + SESSION_MS

    @rule()
    def delete(self) -> None:
        members = self.alive()
        code = self.h.delete().code
        assert code is (ErrorCode.non_empty_group if members else ErrorCode.none)
        if not members:
            self.clients.clear()
            self.epoch = 0

    def alive(self) -> set[str]:
        return {name for name, client in self.clients.items() if client.until_ms > self.h.now_ms}

    @invariant()
    def who_is_alive_is_in(self) -> None:
        group = self.h.core.shares.describe(GROUP)
        assert (set() if group is None else set(group.members)) == self.alive()

    @invariant()
    def epochs_only_rise(self) -> None:
        group = self.h.core.shares.describe(GROUP)
        if group is not None:
            assert self.epoch <= group.epoch
            self.epoch = group.epoch
            assert all(current.epoch <= group.target_epoch <= group.epoch for current in group.current.values())

    def teardown(self) -> None:
        """When all are heard of, every partition that somebody reads has a member, and nobody has what it does not
        read."""
        for _ in range(2):
            for name in sorted(self.alive()):
                self.beat(name, is_answer_lost=False)
        told = {name: self.clients[name] for name in self.alive()}
        for name, topic in self.h.topics.items():
            readers = [client for client in told.values() if name in client.topics]
            given_out = {number for client in readers for number in client.assignment.get(topic.id, ())}
            assert given_out == (set(range(topic.partitions)) if readers else set())
        for client in told.values():
            assert set(client.assignment) <= {self.h.topics[name].id for name in client.topics if name in self.h.topics}


ShareGroupLives.TestCase.settings = settings(stateful_step_count=40)
TestShareGroupLives = ShareGroupLives.TestCase
