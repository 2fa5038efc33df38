"""`/api/store/stats`: what the store holds, what that takes, and what retention does about it."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from logpost.record import format_ts
from logpost_web.api.services import services
from logpost_web.http.answers import json_answer
from logpost_web.http.arguments import check_names
from logpost_web.indexer.retention_state import RetentionState, Waiting
from logpost_web.store.stats import STATEMENTS, Contents, contents


class RetentionClass(msgspec.Struct, kw_only=True):
    """`query`: of its rule, empty for rows that match none, null where rules have changed since they came. `keep_ms`:
    how long its rows are kept, at most."""

    query: str | None
    keep_ms: int
    rows: int
    bytes: int


class WouldGo(msgspec.Struct, kw_only=True):
    """At most so many rows. `until`: null for as long as `reason` holds."""

    reason: str
    rows: int
    bytes: int
    oldest: str
    until: str | None


class Retention(msgspec.Struct, kw_only=True):
    """Times are null for never. `due`: units, or parts of them, that are to be dropped now, since `due_since`.
    `dropped_rows`, `dropped_bytes`: since the web began; `last_rows`, `last_bytes`: at `last_dropped`. `error`: why the
    last look failed, else empty."""

    last_look: str | None
    last_dropped: str | None
    last_rows: int
    last_bytes: int
    dropped_rows: int
    dropped_bytes: int
    due: int
    due_since: str | None
    error: str
    waiting: WouldGo | None
    classes: list[RetentionClass]


class Stats(msgspec.Struct, kw_only=True):
    """`allocated_bytes`: blocks of the store's directory; `topics_bytes`: of the topics on the same disk; both may
    take `max_bytes` of the `disk_bytes`. `days_left`: until the oldest go for room, null while nothing comes."""

    allocated_bytes: int
    topics_bytes: int
    max_bytes: int
    disk_bytes: int
    oldest: str | None
    days_left: float | None
    contents: Contents
    retention: Retention


async def store_stats(request: Request) -> Response:
    check_names(request.query_params, ())
    queries = services(request).queries
    found = [(await queries.run(request, statement)).rows for statement in STATEMENTS]
    state = services(request).indexer.retention
    return await json_answer(request, stats(state, contents(*found)))


def stats(state: RetentionState, found: Contents) -> Stats:
    return Stats(
        allocated_bytes=state.used.store,
        topics_bytes=state.used.topics,
        max_bytes=state.max_bytes,
        disk_bytes=state.disk_bytes,
        oldest=_time(state.oldest_ms),
        days_left=None if state.days_left is None else round(state.days_left, 2),
        contents=found,
        retention=Retention(
            last_look=_time(state.looked_ms),
            last_dropped=_time(state.dropped.last_ms),
            last_rows=state.dropped.last_rows,
            last_bytes=state.dropped.last_bytes,
            dropped_rows=state.dropped.rows,
            dropped_bytes=state.dropped.bytes,
            due=state.due,
            due_since=_time(state.due_since_ms),
            error=state.error,
            waiting=would_go(state.waiting),
            classes=[
                RetentionClass(query=one.query, keep_ms=one.keep_ms, rows=one.rows, bytes=one.bytes)
                for one in state.classes
            ],
        ),
    )


def would_go(waiting: Waiting | None) -> WouldGo | None:
    if waiting is None:
        return None
    return WouldGo(
        reason=waiting.why,
        rows=waiting.rows,
        bytes=waiting.bytes,
        oldest=format_ts(waiting.oldest_ms * 1_000_000),
        until=_time(waiting.until_ms),
    )


def _time(ms: int) -> str | None:
    return format_ts(ms * 1_000_000) if ms else None
