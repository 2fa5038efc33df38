"""The searches of clients that run now, or wait to: each with who asks what, for how long, and what it has read.

For one event loop, whose clock it uses.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

from starlette.requests import Request

ID_CHARACTERS = 12


@dataclass(slots=True, kw_only=True, eq=False)
class Search:
    """`began`, `deadline`: by the loop's clock, the deadline infinite where the client set none. `tag`: of its
    statement that runs now, empty while it waits. What its statements before have read is in `rows_read` and
    `bytes_read`."""

    id: str
    kind: str
    who: str
    query: str
    began: float
    deadline: float = float("inf")
    timeout: float = 0.0
    tag: str = ""
    rows_read: int = 0
    bytes_read: int = 0
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def seconds(self) -> float:
        return asyncio.get_running_loop().time() - self.began


class Searches:
    def __init__(self) -> None:
        self._running: dict[str, Search] = {}

    @contextlib.contextmanager
    def running(self, request: Request, kind: str, query: str, timeout: float | None) -> Iterator[Search]:
        """The request's own search until the end of the block. `timeout`: what the client wants at most, in seconds."""
        now = asyncio.get_running_loop().time()
        search = Search(id=uuid.uuid4().hex[:ID_CHARACTERS], kind=kind, who=client_of(request), query=query, began=now)
        if timeout is not None:
            search.timeout, search.deadline = timeout, now + timeout
        self._running[search.id] = search
        request.state.search = search
        try:
            yield search
        finally:
            del self._running[search.id]

    def all(self) -> list[Search]:
        """The oldest first."""
        return list(self._running.values())

    def stop(self, search_id: str) -> bool:
        """Whether there was one; it ends soon."""
        search = self._running.get(search_id)
        if search is not None:
            search.stopped.set()
        return search is not None


def search_of(request: Request) -> Search:
    """That which `running` began; one that nobody sees, for a request that is no search."""
    found = getattr(request.state, "search", None)
    if isinstance(found, Search):
        return found
    return Search(id="", kind="", who=client_of(request), query="", began=asyncio.get_running_loop().time())


def client_of(request: Request) -> str:
    return request.client.host if request.client else ""
