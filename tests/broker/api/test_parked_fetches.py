"""Fetches that wait: they keep no records, go with their clients, and are answered in turns."""

from __future__ import annotations

import asyncio
import gc
import itertools
from collections.abc import Awaitable, Callable, Hashable
from pathlib import Path
from typing import Any

from logpost_broker.api.fetch import ParkedFetch
from logpost_broker.api.fetch_reading import Reading
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.turns import TURN_SECONDS, Turns
from tests.broker.api.counted_turns import Open
from tests.broker.api.test_wide_requests import Wide, fetching, wide
from tests.broker.log.logs import append
from tests.broker.test_turns import loop_turns

SECONDS = 3_600


class Leaving(Open):
    """A client that may go."""

    def __init__(self) -> None:
        self._calls: dict[Hashable, Callable[[], None]] = {}

    def when_lost(self, key: Hashable, call: Callable[[], None]) -> None:
        self._calls[key] = call

    def leave(self) -> None:
        self.closed = True
        for call in self._calls.values():
            call()


class Clock:
    """Goes on by `step` each time it is asked."""

    def __init__(self) -> None:
        self.now = self.step = 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


class Bench:
    def __init__(self, asked: Wide) -> None:
        self.asked = asked
        self.log: PartitionLog = asked.node.partitions.log(asked.topic, 0)
        self.clock = Clock()
        asked.node.partitions.turns = Turns(self.clock)

    def fetch(self, client: Open, **values: Any) -> asyncio.Future[Any]:
        """Of one partition."""
        self.asked.connection = client
        [topic] = fetching(self.asked)["topics"]
        wanted = {
            **fetching(self.asked, SECONDS),
            "topics": [{**topic, "partitions": topic["partitions"][:1]}],
            **values,
        }
        return asyncio.ensure_future(self.asked.ask("fetch", wanted))

    @property
    def parked(self) -> int:
        return sum(isinstance(each, ParkedFetch) for each in self.asked.node.partitions.parked)

    async def write(self, value: bytes) -> None:
        append(self.log, value)
        await self.asked.node.partitions.durable(self.log)


def run(directory: Path, story: Callable[[Bench], Awaitable[None]]) -> None:
    async def told() -> None:
        async with wide(directory) as asked:
            await story(Bench(asked))

    asyncio.run(told())


def test_a_fetch_that_waits_keeps_none_of_the_records_that_it_found(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.write(b"found")
        waiting = bench.fetch(Open(), min_bytes=1_000)
        await loop_turns(2)
        assert (bench.parked, waiting.done()) == (1, False)
        gc.collect()
        assert not [each for each in gc.get_objects() if isinstance(each, Reading)]
        await bench.write(b"x" * 1_000)
        [partition] = (await waiting).responses[0].partitions
        assert len(partition.records) == 1_000

    run(tmp_path, story)


def test_a_fetch_goes_with_its_client(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        client = Leaving()
        waiting = bench.fetch(client)
        await loop_turns(2)
        assert (bench.parked, len(bench.log.watchers)) == (1, 1)
        client.leave()
        await asyncio.wait([waiting])
        assert (bench.parked, len(bench.log.watchers)) == (0, 0)
        assert waiting.cancelled()

    run(tmp_path, story)


def test_many_that_wait_for_one_batch_are_answered_in_turns(tmp_path: Path) -> None:
    """A step of each uses up the time of a turn."""

    async def story(bench: Bench) -> None:
        waiting = [bench.fetch(Open()) for _ in range(5)]
        await loop_turns(3)
        assert bench.parked == 5
        bench.clock.step = 1.1 * TURN_SECONDS
        await bench.write(b"news")
        left = [bench.parked]
        while bench.parked:
            await loop_turns(1)
            left.append(bench.parked)
        assert max(before - after for before, after in itertools.pairwise(left)) == 1
        for each in waiting:
            assert (await each).responses[0].partitions[0].records

    run(tmp_path, story)
