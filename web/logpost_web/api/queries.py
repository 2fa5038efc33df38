"""Blocking statements of the store, run in a few threads beside the event loop."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

import anyio
import anyio.to_thread
from starlette.requests import Request

from logpost_web.api.errors import ClientGoneError
from logpost_web.search.ast import Query
from logpost_web.search.condition import regexes
from logpost_web.search.errors import QuerySyntaxError
from logpost_web.search.rows import Statement
from logpost_web.store.store import QueryError, QueryResult, Store

MAX_THREADS = 4
"""Statements that run at once; the others wait. The store uses all cores for each."""


class Queries:
    """What endpoints ask the store with."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._limiter = anyio.CapacityLimiter(MAX_THREADS)

    async def run(self, request: Request, statement: Statement) -> QueryResult:
        """Raises QueryError, and ClientGoneError when the client went away: a statement that still waited for a
        thread is then never run, one that runs already is bounded by its time limit."""
        return await self._call(request, lambda: self._store.query(statement.sql, statement.parameters))

    async def check_regexes(self, request: Request, query: Query) -> None:
        """Raises QuerySyntaxError for the first regular expression that the store cannot read."""
        for regex, at in regexes(query):
            try:
                await self.run(request, Statement("SELECT match('', {regex:String})", {"regex": regex}))
            except QueryError as error:
                raise QuerySyntaxError(
                    f"this regular expression cannot be used: {_re2_reason(str(error))}", at
                ) from error

    async def _call(self, request: Request, call: Callable[[], QueryResult]) -> QueryResult:
        with anyio.CancelScope() as scope:
            watch = asyncio.create_task(_cancel_when_gone(request, scope))
            try:
                return await anyio.to_thread.run_sync(call, limiter=self._limiter)
            finally:
                watch.cancel()
        raise ClientGoneError


async def _cancel_when_gone(request: Request, scope: anyio.CancelScope) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


def _re2_reason(text: str) -> str:
    """`… cannot compile re2: (a, error: missing ): (a. Look at …` → `missing )`."""
    found = re.search(r"error: (.*?): ", text)
    return found[1] if found else text
