"""Random lives of a consumer group against what has to hold in every one of them.

The model is small: who is alive, what each member believes it owns, and which topics there are.
"""

from __future__ import annotations

from collections import Counter

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from logpost_broker.consumer_groups.group import ConsumerGroupState
from tests.broker.consumer_groups.harness import GROUP, REBALANCE_MS, Client, ConsumerHarness

NAMES = st.sampled_from(["a", "b", "c", "static"])
SUBSCRIPTIONS = st.sampled_from(
    [(("logs",), None), (("logs", "other"), None), ((), "logs.*"), (("other",), "(logs|other).*"), ((), None)]
)
TOPICS = st.sampled_from(["logs", "logs-web", "other"])


class ConsumerGroupLives(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.h = ConsumerHarness()
        self.lives = 0

    @rule(name=NAMES, subscription=SUBSCRIPTIONS, assignor=st.sampled_from([None, "uniform", "range"]))
    def join(self, name: str, subscription: tuple[tuple[str, ...], str | None], assignor: str | None) -> None:
        client = self._client(name)
        client.topics, client.regex, client.assignor = subscription[0], subscription[1] or "", assignor
        self.h.beat(name)

    def _client(self, name: str) -> Client:
        if name not in self.h.clients:
            self.lives += 1
            instance_id = "one" if name == "static" else None
            self.h.clients[name] = Client(f"{name}-{self.lives}", instance_id=instance_id, topics=("logs",), regex="")
        return self.h.clients[name]

    @rule(name=NAMES)
    def beat(self, name: str) -> None:
        if name in self.h.clients:
            self.h.beat(name)

    @rule(name=NAMES)
    def beat_without_letting_go(self, name: str) -> None:
        """The member is told to revoke and does not, or its answer is lost: it goes on owning what it owned."""
        if name in self.h.clients and self.h.clients[name].epoch:
            client = self.h.clients[name]
            epoch, owned = client.epoch, client.owned
            reply = self.h.beat(name)
            if client.epoch and reply.assigned is not None and not reply.assigned >= owned:
                client.epoch, client.owned = epoch, owned

    @rule(name=NAMES)
    def leave(self, name: str) -> None:
        if name in self.h.clients:
            self.h.leave(name, -2 if name == "static" else -1)
            del self.h.clients[name]

    @rule(name=NAMES)
    def die(self, name: str) -> None:
        """It stops owning anything, and says so to nobody."""
        self.h.clients.pop(name, None)

    @rule(milliseconds=st.sampled_from([1_000, REBALANCE_MS, 50_000]))
    def wait(self, milliseconds: int) -> None:
        """A member that is not heard of for its timeout stops by itself, as clients do."""
        self.h.sleep(milliseconds)
        known = {member.member.member_id for member in self.h.group.members} if self._exists() else set()
        for client in self.h.clients.values():
            if client.member_id not in known:
                client.epoch, client.owned = 0, frozenset()

    @rule(name=TOPICS, partitions=st.sampled_from([1, 2, 5, None]))
    def change_topic(self, name: str, partitions: int | None) -> None:
        known = self.h.topics.get(name)
        if partitions is not None and known is not None and partitions <= known.partitions:
            return
        self.h.set_topic(name, partitions)

    @rule()
    def crash(self) -> None:
        before = self.h.group if self._exists() else None
        self.h.crash_and_replay()
        assert (self.h.group if self._exists() else None) == before

    @precondition(lambda self: self.h.clients)
    @rule()
    def settle(self) -> None:
        """After quiet heartbeats all that members subscribe to is assigned once, and each has its target."""
        for _ in range(10):  # the dead are gone, and who did not let go
            self.wait(5_000)
            for name in self.h.clients:
                self.h.beat(name)
        self.h.settle(*self.h.clients)
        assert self.h.group.state is ConsumerGroupState.STABLE
        group = self.h.core.consumers._groups[GROUP]
        wanted = self.h.all_partitions(*(name for name in group.topics() if name in self.h.topics))
        owned = Counter(place for client in self.h.clients.values() for place in client.owned)
        assert owned == Counter(wanted)

    def _exists(self) -> bool:
        return GROUP in self.h.core.consumers

    @invariant()
    def nothing_is_owned_twice(self) -> None:
        owners = Counter(place for client in self.h.clients.values() for place in client.owned)
        assert all(count == 1 for count in owners.values()), owners

    @invariant()
    def nothing_is_given_twice(self) -> None:
        if self._exists():
            current = self.h.core.consumers._groups[GROUP].current.values()
            held = Counter(place for member in current for place in member.held)
            assert all(count == 1 for count in held.values()), held

    @invariant()
    def every_member_has_a_session(self) -> None:
        if self._exists():
            watched = {key.member_id for key in self.h.timers if type(key).__name__ == "MemberSessionTimer"}  # type: ignore[union-attr]  # classic timers of whole groups have no member
            assert watched == {member.member.member_id for member in self.h.group.members}


TestConsumerGroupLives = ConsumerGroupLives.TestCase
TestConsumerGroupLives.settings = settings(
    stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
