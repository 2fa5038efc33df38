"""Random lives of a streams group against what has to hold in every one of them.

The model is small: who is alive, what each thread believes it works on, and which topics there are.
"""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from logpost_broker.groups.streams.group import StreamsGroupState
from logpost_broker.groups.streams.tasks import NO_TASKS, TaskId
from logpost_broker.groups.streams.timer_keys import StreamsSessionTimer
from tests.broker.groups.streams.harness import (
    AN_INTERVAL_MS,
    CHANGELOG,
    GROUP,
    LINES,
    REBALANCE_MS,
    REPARTITION,
    StreamsHarness,
)

NAMES = st.sampled_from(["a1", "a2", "b", "c"])


class StreamsGroupLives(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.h = StreamsHarness()
        self.lives = 0

    @rule(name=NAMES)
    def beat(self, name: str) -> None:
        """Its first one joins. `a1` and `a2` are threads of one process."""
        if name not in self.h.clients:
            self.lives += 1
            self.h.client(name, process_id=name[0]).member_id = f"{name}-{self.lives}"
        self.h.beat(name)

    @rule(name=NAMES)
    def beat_without_letting_go(self, name: str) -> None:
        """The member is told to let go and does not, or its answer is lost: it goes on with what it had."""
        client = self.h.clients.get(name)
        if client is not None and client.epoch:
            epoch, owned = client.epoch, client.owned
            reply = self.h.beat(name)
            if client.epoch and reply.assigned is not None and not owned <= reply.assigned:
                client.epoch, client.owned = epoch, owned

    @rule(name=NAMES)
    def leave(self, name: str) -> None:
        if name in self.h.clients:
            self.h.leave(name)
            del self.h.clients[name]

    @rule(name=NAMES)
    def die(self, name: str) -> None:
        """It stops working on anything, and says so to nobody."""
        self.h.clients.pop(name, None)

    @rule(milliseconds=st.sampled_from([500, 1_000, REBALANCE_MS, 50_000]))
    def wait(self, milliseconds: int) -> None:
        """A thread that is not heard of for its timeout stops by itself, as Kafka Streams' do."""
        self.h.sleep(milliseconds)
        known = {member.member.member_id for member in self.h.group.members} if self._exists() else set()
        for client in self.h.clients.values():
            if client.member_id not in known:
                client.epoch, client.owned = 0, NO_TASKS

    @rule(replicas=st.integers(0, 2), delay_ms=st.sampled_from([0, 3_000]))
    def configure(self, replicas: int, delay_ms: int) -> None:
        self.h.limit(num_standby_replicas=replicas, initial_rebalance_delay_ms=delay_ms)

    @rule(topic=st.sampled_from([LINES, REPARTITION, CHANGELOG]))
    def delete_topic(self, topic: str) -> None:
        self.h.set_topic(topic, None)

    @rule(partitions=st.sampled_from([1, 2, 3]))
    def create_topics(self, partitions: int) -> None:
        """Again, so that the internal ones fit."""
        self.h.set_topic(REPARTITION, None)
        self.h.set_topic(CHANGELOG, None)
        self.h.set_topic(LINES, partitions)

    @rule()
    def crash(self) -> None:
        before = self.h.group if self._exists() else None
        self.h.crash_and_replay()
        assert (self.h.group if self._exists() else None) == before

    @precondition(lambda self: self.h.clients)
    @rule()
    def settle(self) -> None:
        """After quiet heartbeats each task is worked on once, and each member has its target."""
        self.create_topics(3)
        for _ in range(10):  # the dead are gone, and who did not let go
            self.wait(AN_INTERVAL_MS)
            for name in self.h.clients:
                self.h.beat(name)
        self.h.settle(*self.h.clients)
        assert self.h.group.state is StreamsGroupState.STABLE
        tasks = {(part, partition) for part in "01" for partition in range(3)}
        assert self._active() == Counter(tasks)
        processes = len({client.process_id for client in self.h.clients.values()})
        replicas = min(self.h.limits.num_standby_replicas, processes - 1)
        standby = Counter(task for client in self.h.clients.values() for task in client.owned.standby)
        assert standby == Counter({task: replicas for task in tasks if task[0] == "1" and replicas})

    def _active(self) -> Counter[TaskId]:
        return Counter(task for client in self.h.clients.values() for task in client.owned.active)

    def _exists(self) -> bool:
        return GROUP in self.h.core.streams

    @invariant()
    def no_task_is_worked_on_twice(self) -> None:
        assert all(count == 1 for count in self._active().values()), self._active()

    @invariant()
    def no_process_has_a_task_twice(self) -> None:
        held = Counter(
            (client.process_id, task)
            for client in self.h.clients.values()
            for task in (*client.owned.active, *client.owned.standby)
        )
        assert all(count == 1 for count in held.values()), held

    @invariant()
    def every_member_has_a_session(self) -> None:
        if self._exists():
            watched = {key.member_id for key in self.h.timers if isinstance(key, StreamsSessionTimer)}
            assert watched == {member.member.member_id for member in self.h.group.members}


TestStreamsGroupLives = StreamsGroupLives.TestCase
TestStreamsGroupLives.settings = settings(stateful_step_count=40)
