"""Random lives of a consumer group against what has to hold in every one of them.

The model is small: who is alive, what each member believes it owns, and which topics there are. Some members speak the
classic protocol, so that the group is a classic one at times.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from logpost_broker.groups.classic.states import GroupState
from logpost_broker.groups.consumer.group import ConsumerGroupState
from logpost_broker.groups.consumer.timer_keys import MemberSessionTimer
from tests.broker.groups.consumer.classic import ClassicClient
from tests.broker.groups.consumer.harness import GROUP, REBALANCE_MS, Client, ConsumerHarness

NAMES = st.sampled_from(["a", "b", "c", "static"])
CLASSIC_NAMES = st.sampled_from(["classic", "another", "classic-static"])
SUBSCRIPTIONS = st.sampled_from(
    [(("logs",), None), (("logs", "other"), None), ((), "logs.*"), (("other",), "(logs|other).*"), ((), None)]
)
TOPICS = st.sampled_from(["logs", "logs-web", "other"])


class ConsumerGroupLives(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.h = ConsumerHarness()
        self.classic: dict[str, ClassicClient] = {}
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

    @rule(name=CLASSIC_NAMES, topics=st.sampled_from([("logs",), ("logs", "other")]))
    def step(self, name: str, topics: tuple[str, ...]) -> None:
        if name not in self.classic:
            self.lives += 1
            instance_id = "two" if name == "classic-static" else None
            self.classic[name] = ClassicClient(
                self.h, f"{name}-{self.lives}", topics=topics, instance_id=instance_id, is_eager=True
            )
        self.classic[name].step()

    @rule(name=CLASSIC_NAMES, dies=st.booleans())
    def end(self, name: str, dies: bool) -> None:
        client = self.classic.pop(name, None)
        if client is not None and client.member_id and not dies:
            client.leave()

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
        known = self._known()
        for client in self.h.clients.values():
            if client.member_id not in known:
                client.epoch, client.owned = 0, frozenset()
        for classic in self.classic.values():
            if classic.member_id not in known:
                classic.give_up()

    def _known(self) -> set[str]:
        """Who is a member, of whichever kind of group."""
        described = self.h.core.describe(GROUP)
        if described is not None:
            return {member.member_id for member in described.members}
        return {member.member.member_id for member in self.h.group.members} if self._exists() else set()

    @rule(name=TOPICS, partitions=st.sampled_from([1, 2, 5, None]))
    def change_topic(self, name: str, partitions: int | None) -> None:
        known = self.h.topics.get(name)
        if partitions is not None and known is not None and partitions <= known.partitions:
            return
        self.h.set_topic(name, partitions)
        for client in self.classic.values():  # it watches the topics itself
            client.is_in = False

    @rule()
    def crash(self) -> None:
        before = self.h.group if self._exists() else None
        self.h.crash_and_replay()
        assert (self.h.group if self._exists() else None) == before
        for client in self.classic.values():
            if client.is_parked or client.joined is not None:
                client.lose_connection()

    @precondition(lambda self: self.h.clients or self.classic)
    @rule()
    def settle(self) -> None:
        """After quiet heartbeats all that members subscribe to is assigned once, and each has its target."""
        for _ in range(10):  # the dead are gone, and who did not let go
            self.wait(5_000)
            self._go_on()
        for _ in range(10 + 4 * (len(self.h.clients) + len(self.classic))):
            self._go_on()
        if self.h.clients:
            assert self.h.group.state is ConsumerGroupState.STABLE
        else:
            described = self.h.core.describe(GROUP)
            assert described is not None
            assert described.state is GroupState.STABLE
        wanted = {topic for client in self.classic.values() for topic in client.topics}
        if self._exists():
            wanted |= self.h.core.consumers._groups[GROUP].topics()
        assert self._owned() == Counter(self._places(wanted & self.h.topics.keys()))

    def _go_on(self) -> None:
        for name in self.h.clients:
            self.h.beat(name)
        for client in self.classic.values():
            client.step()
        self.h.sleep(0)

    def _places(self, topics: Iterable[str]) -> Iterable[tuple[str, int]]:
        return [(topic, partition) for topic in topics for partition in range(self.h.topics[topic].partitions)]

    def _owned(self) -> Counter[tuple[str, int]]:
        named = {topic.id: name for name, topic in self.h.topics.items()}
        new = ((named.get(id_, str(id_)), n) for client in self.h.clients.values() for id_, n in client.owned)
        return Counter([*new, *(place for client in self.classic.values() for place in client.owned)])

    def _exists(self) -> bool:
        return GROUP in self.h.core.consumers

    @invariant()
    def nothing_is_owned_twice(self) -> None:
        owners = self._owned()
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
            watched = {key.member_id for key in self.h.timers if isinstance(key, MemberSessionTimer)}
            assert watched == {member.member.member_id for member in self.h.group.members}


TestConsumerGroupLives = ConsumerGroupLives.TestCase
TestConsumerGroupLives.settings = settings(stateful_step_count=40)
