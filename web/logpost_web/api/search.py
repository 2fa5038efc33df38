"""`/api/search`: rows, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from logpost.query.hint_parts import Hint
from logpost.query.hints import hints
from logpost_web.api.completeness import Completeness, ask_whole, completeness
from logpost_web.api.excerpts import show_matches
from logpost_web.api.rows import Row, answer_row
from logpost_web.api.searching import TIMEOUT
from logpost_web.api.services import now_ns, services
from logpost_web.http.answers import json_answer
from logpost_web.http.arguments import check_names
from logpost_web.query.cursor import encode_cursor
from logpost_web.query.marks import Marker
from logpost_web.query.rows import FoundRow, cursor_behind, rows_statement
from logpost_web.query.search import read_search
from logpost_web.query.statement import Statement
from logpost_web.store.columns import LOGS
from logpost_web.store.errors import QueryError
from logpost_web.store.statements import QueryResult


class Stats(msgspec.Struct, kw_only=True):
    """What the answer cost."""

    rows_read: int
    bytes_read: int
    elapsed_ms: float


class SearchAnswer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`cursor` asks for the rows behind these, null when there are none. `hints` are there when there are some."""

    rows: list[Row]
    cursor: str | None
    complete: Completeness
    stats: Stats
    hints: list[Hint] = []


async def search(request: Request) -> Response:
    """`q`, `start`, `end`, `limit`, `order` (desc, asc), `cursor`, `highlight` (false, true), `timeout`."""
    check_names(request.query_params, ("q", "start", "end", "limit", "order", "cursor", "highlight", TIMEOUT))
    asked = read_search(request.query_params, now_ns())
    statement = rows_statement(asked, LOGS)
    await services(request).queries.check_regexes(request, asked.query)
    progress, (limit, result) = await ask_whole(
        services(request).indexer.progress, partial(_page, request, statement, asked.limit)
    )
    found = [FoundRow(*row) for row in result.rows]
    rows = [answer_row(row) for row in found[:limit]]
    marker = Marker(asked.query)
    await show_matches(request, marker, rows)
    if asked.highlight:
        await anyio.to_thread.run_sync(_mark, marker, rows)
    answer = SearchAnswer(
        rows=rows,
        cursor=encode_cursor(cursor_behind(found[:limit], asked)) if len(found) > limit else None,
        complete=completeness(progress),
        stats=stats(result),
        hints=hints(asked.text),
    )
    return await json_answer(request, answer)


async def _page(request: Request, statement: Statement, limit: int) -> tuple[int, QueryResult]:
    """At most `limit` rows, fewer where an answer does not hold them, and one more if there is one; the limit that it
    came to."""
    while True:
        try:
            return limit, await services(request).queries.run(request, statement.with_limit(limit + 1))
        except QueryError as error:
            if not (error.too_large or error.needs_more_memory) or limit == 1:
                raise
            limit = max(1, limit // 4)


def _mark(marker: Marker, rows: Sequence[Row]) -> None:
    for row in rows:
        row.marks = marker.marks(row.message)


def stats(result: QueryResult) -> Stats:
    return Stats(rows_read=result.rows_read, bytes_read=result.bytes_read, elapsed_ms=result.elapsed_ms)
