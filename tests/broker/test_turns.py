"""Long work in steps: who stands in line, and that others are served between two steps. The clock is an argument."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Any

import pytest

from logpost_broker.turns import STEP_SECONDS, TURN_SECONDS, Turns


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def loop_turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_steps_of_many_share_a_turn_of_the_loop() -> None:
    async def story() -> None:
        clock, done = Clock(), list[int]()
        turns = Turns(clock)

        def step(number: int) -> Callable[[], None]:
            def take() -> None:
                clock.now += TURN_SECONDS / 2.5
                done.append(number)

            return take

        for number in range(9):
            turns.stand_in_line(step(number))
        assert done == []
        seen = []
        while len(turns):
            await loop_turns(1)
            seen.append(len(done))
        assert done == list(range(9))
        assert [after - before for before, after in zip([0, *seen], seen, strict=False)] == [3, 3, 3]

    asyncio.run(story())


def test_a_step_that_fails_costs_nobody_else_a_turn(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        turns, done = Turns(Clock()), list[int]()
        turns.stand_in_line(lambda: done.append(1 // 0))
        turns.stand_in_line(lambda: done.append(2))
        await loop_turns(2)
        turns.stand_in_line(lambda: done.append(3))
        await loop_turns(2)
        assert done == [2, 3]

    asyncio.run(story())
    assert "ZeroDivisionError" in caplog.text


def test_long_works_take_turns() -> None:
    async def story() -> None:
        clock, order = Clock(), list[str]()
        turns = Turns(clock)

        async def work(name: str) -> None:
            async for _ in turns.each(range(4)):
                clock.now += STEP_SECONDS * 1.1
                order.append(name)

        await asyncio.gather(work("a"), work("b"), work("c"))
        assert order == ["a", "b", "c"] * 4

    asyncio.run(story())


def test_short_work_waits_for_nobody() -> None:
    async def story() -> None:
        turns = Turns(Clock())
        seen = [item async for item in turns.each(range(1000))]
        assert (seen, len(turns)) == (list(range(1000)), 0)

    asyncio.run(story())


def test_steps_are_run_to_their_end_and_their_calls_answered() -> None:
    async def story() -> None:
        clock, others = Clock(), list[int]()

        def steps() -> Generator[Callable[[], Any] | None, Any, str]:
            unpacked = yield lambda: "unpacked"
            for number in range(5):
                clock.now += STEP_SECONDS * 1.1
                asyncio.get_running_loop().call_soon(others.append, number)
                yield None
                assert others == list(range(number + 1))
            return f"{unpacked} and read"

        assert await Turns(clock).run(steps()) == "unpacked and read"

    asyncio.run(story())
