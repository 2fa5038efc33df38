"""A ShareFetch that found nothing, and waits for records that come or become free."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from logpost_broker.groups.share.delivery import ShareDelivery
from logpost_broker.groups.share.events import Place
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.partitions.partitions import Partitions


class RecordsWait:
    def __init__(self, partitions: Partitions, delivery: ShareDelivery, logs: Mapping[Place, PartitionLog]) -> None:
        self._partitions = partitions
        self._delivery = delivery
        self._logs = logs
        self._woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def __enter__(self) -> RecordsWait:
        """From now on nothing is missed."""
        self._partitions.parked.add(self)
        for place, log in self._logs.items():
            log.watchers.add(self._shown)
            self._delivery.watch(place, self.release)
        return self

    def __exit__(self, *error: object) -> None:
        self._partitions.parked.discard(self)
        for place, log in self._logs.items():
            log.watchers.discard(self._shown)
            self._delivery.unwatch(place, self.release)

    async def until(self, deadline: float) -> None:
        """Return when something may be there, the broker stops, or it is `deadline` on the loop's clock."""
        timer = asyncio.get_running_loop().call_at(deadline, self.release)
        try:
            await self._woken
        finally:
            timer.cancel()

    def _shown(self, added_bytes: int) -> None:
        self.release()

    def release(self) -> None:
        if not self._woken.done():
            self._woken.set_result(None)
