"""What endpoints ask the store with."""

from __future__ import annotations

import re
from functools import partial

from starlette.requests import Request

from logpost.config import StoreConfig
from logpost.query.ast import Query
from logpost.query.errors import QuerySyntaxError
from logpost_web.http.cancellation import Attempt, Limits, NeedsMoreError, StatementPool
from logpost_web.http.errors import OutOfTimeError
from logpost_web.http.running import Searches, search_of
from logpost_web.http.search_log import SearchLog
from logpost_web.query.condition import regexes
from logpost_web.query.statement import Statement, regex_statement
from logpost_web.store.errors import QueryError
from logpost_web.store.memory import SHORT_SEARCHES
from logpost_web.store.statements import QueryResult
from logpost_web.store.store import Store


class Queries:
    """For one event loop; `close()` afterwards."""

    def __init__(self, store: Store, config: StoreConfig) -> None:
        self._store = store
        self.most_seconds = config.search_timeout_seconds
        self.searches = Searches()
        self.log = SearchLog(config.slow_search_seconds)
        limits = Limits(
            short=SHORT_SEARCHES,
            long=config.max_searches,
            waiting=config.max_waiting_searches,
            seconds=config.search_timeout_seconds,
        )
        self._pool = StatementPool(store, limits)

    def close(self) -> None:
        """Waits for the statements that are being cancelled."""
        self._pool.close()

    async def run(self, request: Request, statement: Statement) -> QueryResult:
        """Raises QueryError, NoPlaceError, OutOfTimeError, StoppedError, and ClientGoneError when the client went away:
        the statement then ends."""
        result = await self._pool.run(request, partial(self._ask, statement))
        search = search_of(request)
        search.rows_read += result.rows_read
        search.bytes_read += result.bytes_read
        return result

    def _ask(self, statement: Statement, attempt: Attempt) -> QueryResult:
        try:
            return self._store.query(statement.sql, statement.parameters, attempt.tag, self._settings(attempt))
        except QueryError as error:
            if error.timed_out:
                raise OutOfTimeError(attempt.limit) from error
            if error.needs_more_memory and not attempt.is_heavy:
                raise NeedsMoreError from error
            raise

    def _settings(self, attempt: Attempt) -> dict[str, object]:
        settings: dict[str, object] = {"max_execution_time": attempt.seconds}
        if memory := self._store.memory:
            settings |= (memory.heavy if attempt.is_heavy else memory.search).settings()
        return settings

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
