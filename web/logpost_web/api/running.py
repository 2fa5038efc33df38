"""`/api/queries`: the searches that run or wait, and an end to one of them."""

from __future__ import annotations

import anyio.to_thread
import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from logpost_web.api.services import services
from logpost_web.http.answers import json_answer
from logpost_web.http.arguments import check_names
from logpost_web.http.other_sites import refuse_other_sites
from logpost_web.store.errors import QueryError
from logpost_web.store.store import Store


class Running(msgspec.Struct, kw_only=True):
    """`state`: `running`, or `waiting` for a place. `seconds`: since it was asked. What was read, and the memory that
    it takes, in bytes, is as the store says it now."""

    id: str
    kind: str
    who: str
    query: str
    state: str
    seconds: float
    rows_read: int
    bytes_read: int
    memory_bytes: int


class RunningAnswer(msgspec.Struct):
    queries: list[Running]


async def running_searches(request: Request) -> Response:
    """The oldest first."""
    check_names(request.query_params, ())
    used = await anyio.to_thread.run_sync(_used, services(request).indexer.store)
    found = []
    for search in services(request).queries.searches.all():
        rows, size, memory = used.get(search.tag, (0, 0, 0))
        found.append(
            Running(
                id=search.id,
                kind=search.kind,
                who=search.who,
                query=search.query,
                state="running" if search.tag else "waiting",
                seconds=round(search.seconds, 3),
                rows_read=search.rows_read + rows,
                bytes_read=search.bytes_read + size,
                memory_bytes=memory,
            )
        )
    return await json_answer(request, RunningAnswer(found))


async def stop_search(request: Request) -> Response:
    """End it; who asked gets 503, `search_stopped`. 204."""
    refuse_other_sites(request)
    check_names(request.query_params, ())
    search_id = request.path_params["id"]
    if not services(request).queries.searches.stop(search_id):
        raise HTTPException(404, f"no search {search_id!r} runs")
    return Response(status_code=204)


def _used(store: Store) -> dict[str, tuple[int, int, int]]:
    """Of each statement that runs; nothing where a server does not say it."""
    try:
        return {tag: (rows, size, memory) for tag, rows, size, memory in store.running()}
    except QueryError:
        return {}
