"""`/api/store/…`: what `logpost store` asks a web that runs to do."""

from __future__ import annotations

import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from logpost_web.api.services import services
from logpost_web.api.store_stats import would_go
from logpost_web.http.arguments import check_names
from logpost_web.http.other_sites import refuse_other_sites
from logpost_web.indexer.indexer import Indexer
from logpost_web.store.check import Lacking, check


class Rebuild(msgspec.Struct, kw_only=True):
    """`state`: `running` or `done`; `records_left`: records of the topics that are still to be read.
    `older_rows`: rows that are still to be moved from the layout of an older release, and are found meanwhile;
    `older_error`: why they are not moved."""

    state: str
    records_left: int
    older_rows: int
    older_error: str


async def start_rebuild(request: Request) -> Response:
    """Fill the store again from the topics; 202, and nothing more where that is under way."""
    refuse_other_sites(request)
    check_names(request.query_params, ())
    services(request).indexer.rebuild()
    return _rebuild(request, 202)


async def show_rebuild(request: Request) -> Response:
    check_names(request.query_params, ())
    return _rebuild(request, 200)


async def confirm(request: Request) -> Response:
    """What retention waits with is meant; answers what that is, null for nothing."""
    refuse_other_sites(request)
    check_names(request.query_params, ())
    found = would_go(services(request).indexer.confirm_retention())
    return Response(msgspec.json.encode({"waiting": found}), 202, media_type="application/json")


async def check_store(request: Request) -> Response:
    """Read all parts; those that are damaged are then set aside and filled again."""
    refuse_other_sites(request)
    check_names(request.query_params, ())
    indexer = services(request).indexer
    store = indexer.store
    found = await anyio.to_thread.run_sync(check, store)
    found.readable_rows = sum(one.rows for one in found.lacking if _is_readable(indexer, one))
    for damaged in found.damaged:
        store.suspect(damaged.part)
    return Response(msgspec.json.encode(found), media_type="application/json")


def _is_readable(indexer: Indexer, lacking: Lacking) -> bool:
    start = indexer.log_start((lacking.topic, lacking.partition), lacking.topic_id)
    return start is not None and lacking.end > start


def _rebuild(request: Request, status: int) -> Response:
    indexer = services(request).indexer
    left = sum(one.behind for one in indexer.progress().partitions)
    body = Rebuild(
        state="running" if indexer.is_rebuilding else "done",
        records_left=left,
        older_rows=indexer.moving.rows_left,
        older_error=indexer.moving.error,
    )
    return Response(msgspec.json.encode(body), status, media_type="application/json")
