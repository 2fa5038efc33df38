"""Who may run a statement now: so many at a time, shared fairly between clients. For one event loop; no clock."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator
from itertools import count


class NoPlaceError(Exception):
    """More of a client wait than may."""

    def __init__(self, most_waiting: int) -> None:
        super().__init__(f"{most_waiting} of your searches wait already (store.max_waiting_searches)")


class Place:
    """One of the places, held by a client."""

    def __init__(self, places: Places, client: str) -> None:
        self._places = places
        self._client = client

    def move_to(self, others: Places) -> bool:
        """Hold one of `others` instead, if there is one that nobody waits for."""
        if not others.take(self._client):
            return False
        self.give_back()
        self._places = others
        return True

    def give_back(self) -> None:
        self._places.give_back(self._client)


class Places:
    """`most` places. One that becomes free goes to the client that holds the fewest; those that hold the same take
    turns. Of its requests the one has it that waits longest, or the newest. No client holds more than
    `most_per_client`, nor waits with more than `most_waiting`."""

    def __init__(self, most: int, most_per_client: int, most_waiting: int, *, newest_first: bool = False) -> None:
        self._most = most
        self._most_per_client = most_per_client
        self._most_waiting = most_waiting
        self._newest_first = newest_first
        self._held: Counter[str] = Counter()
        self._waiting: deque[tuple[str, asyncio.Future[None]]] = deque()
        self._turns: dict[str, int] = {}  # of the clients that wait, the least comes next
        self._next_turn = count()

    @property
    def taken(self) -> int:
        return self._held.total()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @contextlib.asynccontextmanager
    async def place(self, client: str) -> AsyncIterator[Place]:
        """Wait for a place and hold it. Raises NoPlaceError."""
        if not self.take(client):
            await self._wait(client)
        place = Place(self, client)
        try:
            yield place
        finally:
            place.give_back()

    def take(self, client: str) -> bool:
        """Whether there was a place that nobody waits for; it is taken then."""
        if not self._is_free_for(client) or any(self._eligible()):
            return False
        self._held[client] += 1
        return True

    def give_back(self, client: str) -> None:
        self._held[client] -= 1
        if not self._held[client]:
            del self._held[client]
        self._pass_on()

    def _is_free_for(self, client: str) -> bool:
        return self.taken < self._most and self._held[client] < self._most_per_client

    async def _wait(self, client: str) -> None:
        if sum(waits == client for waits, _ in self._waiting) >= self._most_waiting:
            raise NoPlaceError(self._most_waiting)
        entry = (client, asyncio.get_running_loop().create_future())
        if self._newest_first:
            self._waiting.appendleft(entry)
        else:
            self._waiting.append(entry)
        self._turns.setdefault(client, next(self._next_turn))
        try:
            await entry[1]
        except asyncio.CancelledError:
            if entry in self._waiting:
                self._wait_no_longer(entry)
            else:  # the place came in the same moment
                self.give_back(client)
            raise

    def _pass_on(self) -> None:
        while entry := min(self._eligible(), key=self._rank, default=None):
            client, place = entry
            self._wait_no_longer(entry)
            if client in self._turns:
                self._turns[client] = next(self._next_turn)
            self._held[client] += 1
            place.set_result(None)

    def _rank(self, entry: tuple[str, asyncio.Future[None]]) -> tuple[int, int]:
        return self._held[entry[0]], self._turns[entry[0]]

    def _wait_no_longer(self, entry: tuple[str, asyncio.Future[None]]) -> None:
        self._waiting.remove(entry)
        if all(client != entry[0] for client, _ in self._waiting):
            del self._turns[entry[0]]

    def _eligible(self) -> Iterator[tuple[str, asyncio.Future[None]]]:
        # One that was cancelled takes itself out when its task runs next.
        return (entry for entry in self._waiting if not entry[1].done() and self._is_free_for(entry[0]))
