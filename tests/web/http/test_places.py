"""Places are shared fairly between clients, and none is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from logpost_web.http.places import NoPlaceError, Places


class Crowd:
    """Tasks that wait for a place, hold it until told, and note the order in which they got it."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.order: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._leave: dict[str, asyncio.Event] = {}

    async def come(self, *names: str) -> None:
        """`a1`: the first of client a."""
        for name in names:
            self._leave[name] = asyncio.Event()
            self.tasks[name] = asyncio.create_task(self._stay(name))
            await settle()

    async def _stay(self, name: str) -> None:
        async with self.places.place(name[0]):
            self.order.append(name)
            await self._leave[name].wait()

    async def go(self, *names: str) -> None:
        for name in names:
            self._leave[name].set()
            await settle()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def story(tell: Callable[[Crowd], Awaitable[None]], places: Places) -> list[str]:
    async def run() -> list[str]:
        crowd = Crowd(places)
        await tell(crowd)
        order = list(crowd.order)
        await crowd.go(*crowd.tasks)
        await asyncio.gather(*crowd.tasks.values(), return_exceptions=True)
        assert (places.taken, places.waiting) == (0, 0)
        return order

    return asyncio.run(run())


def test_a_free_place_goes_to_the_client_with_the_fewest() -> None:
    async def tell(crowd: Crowd) -> None:
        await crowd.come("a1", "a2", "a3", "a4", "b1", "c1")
        await crowd.go("a1", "b1")

    assert story(tell, Places(2, 2, 9)) == ["a1", "a2", "b1", "c1"]


def test_clients_that_hold_the_same_take_turns() -> None:
    async def tell(crowd: Crowd) -> None:
        await crowd.come("a1", "a2", "a3", "b1", "a4")
        for _ in range(3):
            await crowd.go(crowd.order[-1])

    assert story(tell, Places(1, 1, 9)) == ["a1", "a2", "b1", "a3"]
    assert story(tell, Places(1, 1, 9, newest_first=True)) == ["a1", "a4", "b1", "a3"]


def test_nobody_waits_behind_clients_that_come_later() -> None:
    async def tell(crowd: Crowd) -> None:
        await crowd.come("a1", "b1", "c1", "d1")
        await crowd.go("a1", "b1", "c1")

    assert story(tell, Places(1, 1, 9, newest_first=True)) == ["a1", "b1", "c1", "d1"]


def test_within_a_client_the_first_or_the_newest_comes_first() -> None:
    async def tell(crowd: Crowd) -> None:
        await crowd.come("a1", "a2", "a3")
        await crowd.go("a1")

    assert story(tell, Places(1, 1, 9)) == ["a1", "a2"]
    assert story(tell, Places(1, 1, 9, newest_first=True)) == ["a1", "a3"]


def test_a_client_leaves_a_place_to_others() -> None:
    async def tell(crowd: Crowd) -> None:
        await crowd.come("a1", "a2", "a3", "b1")

    assert story(tell, Places(3, 2, 9)) == ["a1", "a2", "b1"]


def test_who_gives_up_waiting_takes_no_place() -> None:
    async def tell(crowd: Crowd) -> None:
        await crowd.come("a1", "a2", "a3")
        crowd.tasks["a2"].cancel()
        await crowd.go("a1")

    assert story(tell, Places(1, 1, 9)) == ["a1", "a3"]


def test_a_place_that_comes_as_one_gives_up_goes_on_to_the_next() -> None:
    async def tell(crowd: Crowd) -> None:
        assert crowd.places.take("b")
        await crowd.come("a1", "a2")
        crowd.places.give_back("b")
        crowd.tasks["a1"].cancel()
        await settle()

    assert story(tell, Places(1, 1, 9)) == ["a2"]


def test_a_place_can_be_changed_for_one_of_another_kind() -> None:
    async def run() -> None:
        first, second = Places(1, 1, 9), Places(1, 1, 9)
        async with first.place("a") as place:
            assert place.move_to(second)
            assert (first.taken, second.taken) == (0, 1)
            async with first.place("b") as other:
                assert not other.move_to(second)
                assert (first.taken, second.taken) == (1, 1)
        assert (first.taken, second.taken) == (0, 0)

    asyncio.run(run())


def test_more_than_may_wait_are_refused() -> None:
    async def run() -> None:
        places = Places(1, 1, 0)
        async with places.place("a"):
            with pytest.raises(NoPlaceError):
                async with places.place("b"):
                    raise AssertionError
        async with places.place("b"):
            pass

    asyncio.run(run())
