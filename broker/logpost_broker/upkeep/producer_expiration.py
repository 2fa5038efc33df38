"""What partitions remember of idempotent producers, held to a day and to a number: every `CHECK_SECONDS`.

A client may send each batch under a new producer id, and a partition that nobody writes to any more would remember its
producers for ever.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from logpost_broker.log.limits import MAX_PRODUCERS, MAX_PRODUCERS_OF_PARTITION
from logpost_broker.partitions.partitions import Partitions

CHECK_SECONDS = 30.0
LOGS_A_TURN = 100
"""Those of most have a few producers, which takes microseconds."""

logger = logging.getLogger("broker")


class ProducerExpiration:
    def __init__(self, partitions: Partitions, most: int = MAX_PRODUCERS) -> None:
        """`most`: of all partitions."""
        self._partitions = partitions
        self._most = most
        self._rounds: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._rounds = asyncio.create_task(self._check_at_intervals())

    async def stop(self) -> None:
        if self._rounds is not None:
            self._rounds.cancel()
            await asyncio.gather(self._rounds, return_exceptions=True)

    async def _check_at_intervals(self) -> None:
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            await self.check()

    async def check(self) -> None:
        """Forget those that were silent for a day, and for longest where there are more than there may be."""
        level = level_of((len(log.producers) for log in self._partitions.logs), self._most)
        for number, log in enumerate(self._partitions.logs):
            log.producers.expire(self._partitions.now_ms(), log.transactions.open)
            log.producers.keep_newest(level, log.transactions.open)
            forgotten = log.producers.take_forgotten()
            if forgotten:
                self._partitions.metrics.logs.forgotten_producers.inc(forgotten)
                logger.warning(
                    "%s: of too many producers, %d that were silent for longest were forgotten: what they send again "
                    "would be written twice",
                    log.directory,
                    forgotten,
                )
            if number % LOGS_A_TURN == 0 or len(log.producers) > LOGS_A_TURN:
                await asyncio.sleep(0)


def level_of(counts: Iterable[int], most: int) -> int:
    """How many each may keep so that together they keep `most`: those that have the most give first."""
    left = most
    ascending = sorted(counts)
    for number, count in enumerate(ascending):
        share = left // (len(ascending) - number)
        if count > share:
            return share
        left -= count
    return MAX_PRODUCERS_OF_PARTITION
