"""What endpoints ask the store with."""

from __future__ import annotations

import re
from functools import partial

from starlette.requests import Request

from logpost.query.ast import Query
from logpost.query.errors import QuerySyntaxError
from logpost_web.http.cancellation import StatementPool
from logpost_web.query.condition import regexes
from logpost_web.query.statement import Statement, regex_statement
from logpost_web.store.errors import QueryError
from logpost_web.store.statements import QueryResult
from logpost_web.store.store import Store


class Queries:
    """For one event loop; `close()` afterwards."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pool = StatementPool(store)

    def close(self) -> None:
        """Waits for the statements that are being cancelled."""
        self._pool.close()

    async def run(self, request: Request, statement: Statement) -> QueryResult:
        """Raises QueryError, NoPlaceError, and ClientGoneError when the client went away: the statement then ends."""
        return await self._pool.run(request, partial(self._store.query, statement.sql, statement.parameters))

    async def check_regexes(self, request: Request, query: Query) -> None:
        """Raises QuerySyntaxError for the first regular expression that the store cannot read."""
        for regex, at in regexes(query):
            try:
                await self.run(request, regex_statement(regex))
            except QueryError as error:
                raise QuerySyntaxError(
                    f"this regular expression cannot be used: {_re2_reason(str(error))}", at
                ) from error


def _re2_reason(text: str) -> str:
    """`… cannot compile re2: (a, error: missing ): (a. Look at …` → `missing )`."""
    found = re.search(r"error: (.*?): ", text)
    return found[1] if found else text
