"""Random lives of a broker, with crashes at any call of them and some that it has to go on from."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tests.faults.crashes import CrashPoints
from tests.faults.ledger import Crash
from tests.faults.life import FLUSH_MODES, Life, Machines

NAMES = st.sampled_from(["t", "u"])
PARTITIONS = 2
PER_CALL = 0.05
"""Most calls are visited in other lives."""
POINTS_PER_LIFE = 15
STEPS = 40


class Lives(RuleBasedStateMachine):
    flush: str

    @initialize(seed=st.integers(0, 2**32))
    def be_born(self, seed: int) -> None:
        self.machines = Machines(self.flush)
        self.points = CrashPoints(self.machines, PER_CALL, seed)
        self.life = Life(self.machines, seed, self.points.called)
        self.life.start()

    def exists(self, name: str) -> bool:
        return name in self.life.ledger.topics

    @rule(name=NAMES)
    def create_or_append(self, name: str) -> None:
        if not self.exists(name):
            self.life.create(name, PARTITIONS)
        for _ in range(3):
            self.life.append(name)

    @rule(name=NAMES, partition=st.integers(0, PARTITIONS - 1), producer=st.integers(-1, 2), size=st.integers(1, 3000))
    def append(self, name: str, partition: int, producer: int, size: int) -> None:
        if self.exists(name):
            self.life.append(name, partition, producer=producer, size=size, lz4=size % 5 == 0)

    @rule(name=NAMES)
    def append_again(self, name: str) -> None:
        if self.exists(name):
            self.life.append_again(name)

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        if self.exists(name):
            self.life.delete(name)

    @rule(name=NAMES)
    def move_start(self, name: str) -> None:
        if self.exists(name):
            self.life.move_start(name)

    @precondition(lambda self: not self.life.loop.holds_jobs)
    @rule()
    def hold_syncs(self) -> None:
        self.life.hold_syncs()

    @rule()
    def sync(self) -> None:
        self.life.sync()

    @rule(seconds=st.sampled_from([0.1, 1.1, 31.0]))
    def wait(self, seconds: float) -> None:
        self.life.sync()
        self.life.wait(seconds)

    @rule()
    def take_producer_id(self) -> None:
        self.life.take_producer_id()

    @rule()
    def restart(self) -> None:
        self.life.restart()

    @rule(crash=st.sampled_from(Crash))
    def crash(self, crash: Crash) -> None:
        self.life.crash(crash)

    def teardown(self) -> None:
        try:
            self.points.check()
        finally:
            self.life.end()
            self.machines.close()


@pytest.mark.parametrize("flush", FLUSH_MODES)
def test_what_was_promised_is_kept_in_any_life(flush: str, crash_points: int) -> None:
    run_state_machine_as_test(
        type("Lives", (Lives,), {"flush": flush}),
        settings=settings(
            max_examples=max(crash_points // (len(FLUSH_MODES) * POINTS_PER_LIFE), 1),
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.reuse, Phase.generate),  # shrinking takes minutes, and the notes say what happened
        ),
    )
