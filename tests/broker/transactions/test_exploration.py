"""Random lives of transactional ids against a model that knows one thing: an id has at most one owner."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from kio.schema.errors import ErrorCode

from logpost_broker.log.producer_identity import ProducerIdentity
from logpost_broker.transactions.events import TopicPartition
from logpost_broker.transactions.states import TransactionState
from tests.broker.transactions.harness import TIMEOUT_MS, TransactionHarness

IDS = st.sampled_from(["a", "b"])
PLACES = st.sampled_from([("logs", 0), ("logs", 1), ("__consumer_offsets", 0)])
REFUSALS = (ErrorCode.producer_fenced, ErrorCode.invalid_producer_id_mapping)


@dataclass
class Model:
    owner: ProducerIdentity | None = None
    zombies: list[ProducerIdentity] = field(default_factory=list)
    open: set[TopicPartition] = field(default_factory=set)
    began_ms: int = 0
    decided: tuple[bool, set[TopicPartition]] | None = None
    """Committed or not, and where; until it is complete."""

    def decide(self, commit: bool) -> None:
        self.decided, self.open = (commit, self.open), set()

    def lose_owner(self) -> None:
        if self.owner is not None:
            self.zombies.append(self.owner)
        self.owner = None


class TransactionLives(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.h = TransactionHarness()
        self.models = {"a": Model(), "b": Model()}
        self.expected: list[tuple[TopicPartition, bool]] = []

    @rule(name=IDS)
    def begin_again(self, name: str) -> None:
        model = self.models[name]
        answer = self.h.init(name)
        if model.decided is None and not model.open:
            assert isinstance(answer, ProducerIdentity)
            self._new_owner(model, answer)
            return
        assert answer is ErrorCode.concurrent_transactions
        if model.decided is None:
            model.decide(commit=False)
            model.lose_owner()

    @staticmethod
    def _new_owner(model: Model, identity: ProducerIdentity) -> None:
        assert identity != model.owner
        assert identity not in model.zombies, "an identity is given once"
        model.lose_owner()
        model.owner = identity

    @rule(name=IDS, place=PLACES, is_v2=st.booleans())
    def add(self, name: str, place: TopicPartition, is_v2: bool) -> None:
        model = self.models[name]
        if model.owner is None:
            return
        code = self.h.add(model.owner, place, transactional_id=name, is_v2=is_v2)
        if model.decided is not None:
            assert code is ErrorCode.concurrent_transactions
            return
        assert code is ErrorCode.none
        if not model.open:
            model.began_ms = self.h.now_ms
        model.open.add(place)

    @rule(name=IDS, commit=st.booleans(), is_v2=st.booleans())
    def end(self, name: str, commit: bool, is_v2: bool) -> None:
        model = self.models[name]
        if model.owner is None or not model.open:
            return
        answer = self.h.end(model.owner, commit=commit, is_v2=is_v2, transactional_id=name)
        assert isinstance(answer, ProducerIdentity)
        model.decide(commit)
        if is_v2:
            self._new_owner(model, answer)
        assert answer == model.owner

    @rule(name=IDS, place=PLACES, commit=st.booleans(), number=st.integers(0, 9))
    def a_zombie_wakes(self, name: str, place: TopicPartition, commit: bool, number: int) -> None:
        model = self.models[name]
        if not model.zombies:
            return
        zombie = model.zombies[number % len(model.zombies)]
        before = self.h.known(name)
        assert self.h.add(zombie, place, transactional_id=name) in (*REFUSALS, ErrorCode.concurrent_transactions)
        assert self.h.end(zombie, commit=commit, transactional_id=name) in REFUSALS
        assert self.h.known(name) == before

    @rule()
    def complete(self) -> None:
        for name in ("a", "b"):
            decided, self.models[name].decided = self.models[name].decided, None
            if decided is not None:
                self.expected += [(place, decided[0]) for place in sorted(decided[1])]
        self.h.complete()

    @rule(duration_ms=st.sampled_from([1, TIMEOUT_MS // 2, TIMEOUT_MS + 1]))
    def sleep(self, duration_ms: int) -> None:
        self.h.sleep(duration_ms)
        for model in self.models.values():
            if model.open and model.began_ms + TIMEOUT_MS < self.h.now_ms:
                model.decide(commit=False)
                model.lose_owner()

    @rule()
    def crash(self) -> None:
        self.h.crash_and_replay()

    @invariant()
    def each_partition_learns_each_end_once(self) -> None:
        assert sorted((place, commit) for place, _, commit in self.h.markers) == sorted(self.expected)

    @invariant()
    def what_is_open_is_known(self) -> None:
        for name, model in self.models.items():
            state = self.h.state(name)
            assert (state is TransactionState.ONGOING) == bool(model.open)
            assert state.is_prepared == (model.decided is not None)
            if model.open:
                assert self.h.known(name).partitions == model.open


TestTransactionLives = TransactionLives.TestCase
TestTransactionLives.settings = settings(stateful_step_count=40, suppress_health_check=list(HealthCheck))
