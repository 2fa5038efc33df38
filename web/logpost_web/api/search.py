"""`/api/search`: rows, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence

import anyio.to_thread
import msgspec
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from logpost.record import format_ts
from logpost_web.api.arguments import choice_argument, number_argument, query_argument, time_range_argument
from logpost_web.api.completeness import Completeness, completeness
from logpost_web.api.services import now_ns, services
from logpost_web.search.condition import compile_condition
from logpost_web.search.cursor import Cursor, decode_cursor, encode_cursor
from logpost_web.search.marks import Marker
from logpost_web.search.rows import DEFAULT_LIMIT, MAX_LIMIT, FoundRow, rows_statement
from logpost_web.store.store import QueryResult


class Row(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One record, addressed by topic, partition and offset. Trace, span and file are left out where there are none.
    `marks`, when asked for: the places in the message of what was searched, as start and end in UTF-16 units."""

    ts: str
    host: str
    service: str
    level: str
    message: str
    attrs: msgspec.Raw
    topic: str
    partition: int
    offset: int
    trace_id: str = ""
    span_id: str = ""
    file: str = ""
    marks: list[tuple[int, int]] | msgspec.UnsetType = msgspec.UNSET


class Stats(msgspec.Struct, kw_only=True):
    """What the answer cost."""

    rows_read: int
    bytes_read: int
    elapsed_ms: float


class SearchAnswer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`cursor` asks for the rows behind these, null when there are none."""

    rows: list[Row]
    cursor: str | None
    complete: Completeness
    stats: Stats


async def search(request: Request) -> Response:
    """`q`, `start`, `end`, `limit`, `order` (desc, asc), `cursor`, `highlight` (false, true)."""
    parameters = request.query_params
    query = query_argument(parameters)
    limit = number_argument(parameters, "limit", DEFAULT_LIMIT, MAX_LIMIT)
    statement = rows_statement(
        compile_condition(query),
        time_range_argument(parameters, now_ns()),
        order="asc" if choice_argument(parameters, "order", ("desc", "asc")) == "asc" else "desc",
        limit=limit + 1,  # one more says whether there is a next page
        after=_cursor_argument(parameters),
    )
    wants_highlight = choice_argument(parameters, "highlight", ("false", "true")) == "true"
    queries = services(request).queries
    # Read before the rows: what it promises must be in them.
    complete = completeness(services(request).indexer.progress())
    await queries.check_regexes(request, query)
    result = await queries.run(request, statement)
    found = [FoundRow(*row) for row in result.rows]
    rows = [_row(row) for row in found[:limit]]
    if wants_highlight:
        await anyio.to_thread.run_sync(_mark, Marker(query), rows)
    answer = SearchAnswer(
        rows=rows,
        cursor=encode_cursor(_cursor(found[limit - 1])) if len(found) > limit else None,
        complete=complete,
        stats=stats(result),
    )
    return Response(msgspec.json.encode(answer), media_type="application/json")


def _mark(marker: Marker, rows: Sequence[Row]) -> None:
    for row in rows:
        row.marks = marker.marks(row.message)


def stats(result: QueryResult) -> Stats:
    return Stats(rows_read=result.rows_read, bytes_read=result.bytes_read, elapsed_ms=result.elapsed_ms)


def _cursor_argument(parameters: QueryParams) -> Cursor | None:
    text = parameters.get("cursor", "")
    return decode_cursor(text) if text else None


def _cursor(row: FoundRow) -> Cursor:
    return Cursor(row.timestamp_ns, row.topic, row.partition, row.offset)


def _row(row: FoundRow) -> Row:
    return Row(
        ts=format_ts(row.timestamp_ns),
        host=row.host,
        service=row.service,
        level=row.level,
        message=row.message,
        attrs=msgspec.Raw(row.attributes.encode()),
        topic=row.topic,
        partition=row.partition,
        offset=row.offset,
        trace_id=row.trace_id,
        span_id=row.span_id,
        file=row.file,
    )
