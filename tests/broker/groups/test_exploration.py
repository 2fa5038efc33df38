"""Random lives of a group against what has to hold in every one of them."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from logpost_broker.groups.classic.states import GroupState
from tests.broker.groups.harness import GROUP, REBALANCE_MS, GroupHarness, subscription

NAMES = st.sampled_from(["a", "b", "c"])
STATIC = {"c"}
PROTOCOL = (("range", subscription("logs")),)
PROTOCOLS = st.sampled_from(
    [
        PROTOCOL,
        (("range", subscription("logs", owned=b"x")), ("sticky", subscription("logs"))),
        (("sticky", subscription("logs")), ("range", subscription("other"))),
    ]
)


class GroupLives(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.h = GroupHarness()
        self.generation = 0
        self.stable_generation = 0

    @rule(names=st.lists(NAMES, min_size=2, unique=True))
    def settle(self, names: list[str]) -> None:
        """Chance alone rarely brings several members into one generation."""
        for name in [*names, *names]:
            self.join(name, PROTOCOL, asks_for_id=False)
        for name in sorted(names, key=self._leads):
            self.sync(name)

    @rule(name=NAMES, protocols=PROTOCOLS, asks_for_id=st.booleans())
    def join(self, name: str, protocols: tuple[tuple[str, bytes], ...], asks_for_id: bool) -> None:
        self.h.join(name, static=name in STATIC, protocols=protocols, asks_for_id=asks_for_id)

    @rule(name=NAMES, protocols=PROTOCOLS)
    def start_again(self, name: str, protocols: tuple[tuple[str, bytes], ...]) -> None:
        self.h.join(name, member_id="", static=name in STATIC, protocols=protocols)

    @rule(name=NAMES)
    def sync(self, name: str) -> None:
        if name in self.h.ids:
            shares = dict.fromkeys(self.h.ids, b"share") if self._leads(name) else None
            self.h.sync(name, shares, static=name in STATIC)

    def _leads(self, name: str) -> bool:
        group = self.h.core.classic.get(GROUP)
        return group is not None and group.leader == self.h.ids.get(name)

    @rule(name=NAMES)
    def heartbeat(self, name: str) -> None:
        if name in self.h.ids:
            self.h.heartbeat(name, static=name in STATIC)

    @rule(name=NAMES)
    def leave(self, name: str) -> None:
        if name in self.h.ids:
            self.h.leave_as(name)

    @rule(name=NAMES, offset=st.integers(0, 9))
    def commit(self, name: str, offset: int) -> None:
        if name in self.h.ids:
            self.h.commit(name, offset)

    @rule(duration_ms=st.sampled_from([1, 5_000, 10_000, REBALANCE_MS]))
    def sleep(self, duration_ms: int) -> None:
        self.h.sleep(duration_ms)

    @rule()
    def crash(self) -> None:
        before = (self.h.state, self.h.group, self.h.committed())
        self.h.crash_and_replay()
        assert self.h.committed() == before[2]
        assert self.h.state in (GroupState.STABLE, GroupState.EMPTY, GroupState.DEAD)
        if before[0] is GroupState.STABLE:
            assert self.h.group == before[1]
        self.generation = self.stable_generation

    @invariant()
    def the_generation_only_rises(self) -> None:
        group = self.h.core.classic.get(GROUP)
        if group is None:
            return
        assert group.generation >= self.generation
        self.generation = group.generation
        if group.stored is not None:
            assert group.stored.generation >= self.stable_generation
            self.stable_generation = group.stored.generation

    @invariant()
    def one_member_leads(self) -> None:
        group = self.h.core.classic.get(GROUP)
        if group is not None and group.state in (GroupState.STABLE, GroupState.COMPLETING_REBALANCE):
            assert group.leader in group.members

    @invariant()
    def every_stable_member_has_its_share(self) -> None:
        if self.h.state is GroupState.STABLE:
            assert all(member.assignment in (b"share", b"") for member in self.h.group.members)
            assert any(member.assignment == b"share" for member in self.h.group.members)

    @invariant()
    def every_waiting_request_is_known_to_the_group(self) -> None:
        waiting = {id(call) for call in self.h.calls if call.reply is None}
        group = self.h.core.classic.get(GROUP)
        members = () if group is None else group.members.values()
        parked = [waiter for member in members for waiter in (member.join_waiter, member.sync_waiter) if waiter]
        assert {id(waiter) for waiter in parked} == waiting
        assert len(parked) == len(waiting)

    @invariant()
    def every_member_is_watched_or_waits_here(self) -> None:
        group = self.h.core.classic.get(GROUP)
        for member in () if group is None else group.members.values():
            timers = [key for key in self.h.timers if getattr(key, "member_id", None) == member.member_id]
            assert bool(timers) != bool(member.join_waiter or member.sync_waiter)

    def teardown(self) -> None:
        """When everybody falls silent, every request is answered and nothing is left running."""
        self.h.sleep(REBALANCE_MS * 10)
        assert [call for call in self.h.calls if call.reply is None] == []
        assert self.h.timers == {}
        assert self.h.state in (GroupState.EMPTY, GroupState.DEAD)


TestGroupLives = GroupLives.TestCase
TestGroupLives.settings = settings(stateful_step_count=40)
