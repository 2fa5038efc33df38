"""`/api/store/delete` and `/api/store/deletes`: what a query finds is deleted for good.

Nothing here, nor what it logs, repeats the query: it has the words that are to go.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import Future

import anyio.to_thread
import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from logpost.record import format_ts
from logpost_web.api.services import Services, now_ns, services
from logpost_web.backup.known import Known, backups
from logpost_web.deletion.counting import TOO_LARGE
from logpost_web.deletion.deletion import Deletion
from logpost_web.deletion.erasing import lacking_bytes
from logpost_web.deletion.kept import FOR_EVER, MAX_MS, Kept, ask_kept
from logpost_web.deletion.question import read_question, words
from logpost_web.errors import BadArgumentError
from logpost_web.http.answers import json_answer
from logpost_web.http.arguments import check_names
from logpost_web.http.other_sites import refuse_other_sites
from logpost_web.query.arguments import choice_argument
from logpost_web.store.deleted import Matched, needed_bytes
from logpost_web.store.errors import QueryError

MAX_BODY_BYTES = 64 * 1024
HIDE_SECONDS = 600.0
"""How long the indexer may take to hide rows before the answer is that it waits."""
BEGIN_SECONDS = 60.0
"""How long it may take to begin."""


class Asked(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`query`, and event time `before` which; or what was `counted`: the id of an answer to a dry run."""

    query: str = ""
    before: str = ""
    counted: str = ""


class Service(msgspec.Struct, kw_only=True):
    service: str
    rows: int


class KeptAnswer(msgspec.Struct, kw_only=True):
    """The topic has the bytes until then, RFC 3339, at the latest; null where `reason` says why that is not known."""

    topic: str
    until: str | None
    reason: str


class BackupAnswer(msgspec.Struct, kw_only=True):
    """A backup of the store that may have these rows: where it was made, and the moment of which its rows are."""

    directory: str
    made: str


class CountedAnswer(msgspec.Struct, kw_only=True):
    """What would be deleted; `counted` asks for exactly that. `lacks_bytes`: room that the store's disk lacks to write
    files without these rows. `not_indexed`: records that the query could not look at."""

    counted: str
    matched: int
    oldest: str | None
    newest: str | None
    services: list[Service]
    lacks_bytes: int
    not_indexed: int
    kept: list[KeptAnswer]
    backups: list[BackupAnswer]


class DeletionAnswer(msgspec.Struct, kw_only=True):
    """`state`: `waiting` (not hidden yet), `running` (no answer has these rows, some file may), `done`, `failed`,
    `cancelled`. `parts_done` of `parts` files were written again. `reason`: why it waits or failed, else empty."""

    id: str
    state: str
    matched: int
    parts_done: int
    parts: int
    reason: str
    who: str
    created: str
    ended: str | None
    kept: list[KeptAnswer]
    backups: list[BackupAnswer]


class _NothingHappenedError(HTTPException):
    pass


class DeletionsAnswer(msgspec.Struct):
    deletes: list[DeletionAnswer]


async def delete_rows(request: Request) -> Response:
    """`dry_run` (false, true): only count. 202 when no answer has the rows any more."""
    refuse_other_sites(request)
    check_names(request.query_params, ("dry_run",))
    is_dry = choice_argument(request.query_params, "dry_run", ("false", "true")) == "true"
    asked = await _asked(request)
    of = services(request)
    _refuse_while_filling(of)
    if asked.counted and not is_dry:
        deletion, found = asked.counted, of.indexer.deleting.counting.take(asked.counted)
        if found is None:
            raise HTTPException(409, "what was counted is not known any more: count again")
    else:
        deletion, found = await _count(request, asked)
    if is_dry:
        return await json_answer(request, await _counted(of, deletion, found))
    accepted = await _accept(request, deletion, found)
    answer = _answer(accepted, await _known(of))
    return Response(msgspec.json.encode(answer), 202, media_type="application/json")


async def show_deletions(request: Request) -> Response:
    """The newest first."""
    check_names(request.query_params, ())
    found = services(request).indexer.deleting.all()
    known = await _known(services(request))
    return await json_answer(request, DeletionsAnswer([_answer(one, known) for one in reversed(found)]))


async def show_deletion(request: Request) -> Response:
    check_names(request.query_params, ())
    found = services(request).indexer.deleting.get(request.path_params["id"])
    if found is None:
        raise HTTPException(404, "there is no such deletion")
    return await json_answer(request, _answer(found, await _known(services(request))))


async def cancel_deletion(request: Request) -> Response:
    """Of one that is not done: its rows come back, as far as a topic has them."""
    refuse_other_sites(request)
    check_names(request.query_params, ())
    try:
        cancelled = await _await(services(request).indexer.deleting.cancel(request.path_params["id"]))
    except KeyError:
        raise HTTPException(404, "there is no such deletion") from None
    except ValueError:
        raise HTTPException(409, "it is done: nothing is left to cancel") from None
    return await json_answer(request, _answer(cancelled, await _known(services(request))))


async def _asked(request: Request) -> Asked:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise HTTPException(413, f"the question is larger than {MAX_BODY_BYTES:,} bytes")
    try:
        return msgspec.json.decode(body or b"{}", type=Asked)
    except msgspec.MsgspecError as error:
        raise BadArgumentError(f'the body is JSON such as {{"query":"user:ada","before":"-1d"}}: {error}') from None


def _refuse_while_filling(of: Services) -> None:
    """What is not there yet would not be found, and come afterwards."""
    if of.indexer.store.reads_older:
        raise HTTPException(409, "rows of an older layout are still being moved: see GET /api/store/rebuild")
    if of.indexer.is_rebuilding or of.indexer.is_mending or of.indexer.progress().refill_records:
        raise HTTPException(409, "the store is being filled again, and a deletion would miss rows: see /readyz")


async def _count(request: Request, asked: Asked) -> tuple[str, Matched]:
    query, condition, time_range = read_question(asked.query, asked.before, now_ns())
    of = services(request)
    of.queries.log.leave_out(words(query))
    await of.queries.check_regexes(request, query)
    try:
        return await anyio.to_thread.run_sync(of.indexer.deleting.counting.count, condition, time_range)
    except QueryError as error:
        if str(error) == TOO_LARGE:
            raise BadArgumentError(TOO_LARGE) from None
        if problem := await anyio.to_thread.run_sync(lambda: next(of.indexer.store.problems(), "")):
            raise HTTPException(507, f"what matches cannot be written down: {problem}") from None
        raise


async def _counted(of: Services, deletion: str, found: Matched) -> CountedAnswer:
    store = of.indexer.store
    lacks = await anyio.to_thread.run_sync(lambda: lacking_bytes(store, needed_bytes(store, deletion)))
    return CountedAnswer(
        counted=deletion,
        matched=found.rows,
        oldest=format_ts(found.oldest_ns) if found.rows else None,
        newest=format_ts(found.newest_ns) if found.rows else None,
        services=[Service(service=service, rows=rows) for service, rows in found.services],
        lacks_bytes=lacks,
        not_indexed=sum(one.behind for one in of.indexer.progress().partitions),
        kept=list(map(_kept, await _ask_kept(of, found))),
        backups=_backups(await _known(of), of_ms=None),
    )


async def _ask_kept(of: Services, found: Matched) -> list[Kept]:
    return await anyio.to_thread.run_sync(ask_kept, of.kafka, found.topics, found.arrived * 1000)


async def _accept(request: Request, deletion: str, found: Matched) -> Deletion:
    of = services(request)
    asked = Deletion(
        id=deletion,
        created_ms=time.time_ns() // 1_000_000,
        who=request.client.host if request.client else "",
        matched=found.rows,
        kept=await _ask_kept(of, found),
    )
    try:
        return await _await(of.indexer.deleting.accept(asked))
    except _NothingHappenedError:
        await anyio.to_thread.run_sync(of.indexer.deleting.counting.put_back, deletion, found)
        raise


async def _await(asked: Future[Deletion]) -> Deletion:
    """Also when the client went away: what is accepted is accepted."""
    answer = asyncio.wrap_future(asked)
    await asyncio.wait({answer}, timeout=BEGIN_SECONDS)
    if not answer.done() and asked.cancel():
        raise _NothingHappenedError(503, "the indexer does not come to it: look at /readyz, and try again")
    await asyncio.wait({answer}, timeout=HIDE_SECONDS)
    if not answer.done():
        raise HTTPException(504, "it goes on: GET /api/store/deletes says how far it is")
    try:
        return answer.result()
    except OSError as error:
        why = f"it cannot be written down, and nothing has happened: {error.strerror}. Make room, and try again"
        raise _NothingHappenedError(507, why) from None


def _answer(deletion: Deletion, known: Sequence[Known]) -> DeletionAnswer:
    return DeletionAnswer(
        id=deletion.id,
        state=deletion.state,
        matched=deletion.matched,
        parts_done=deletion.parts_done,
        parts=deletion.parts,
        reason=deletion.reason,
        who=deletion.who,
        created=format_ts(deletion.created_ms * 1_000_000),
        ended=format_ts(deletion.ended_ms * 1_000_000) if deletion.ended_ms else None,
        kept=list(map(_kept, deletion.kept)),
        backups=_backups(known, of_ms=deletion.created_ms),
    )


def _kept(one: Kept) -> KeptAnswer:
    if one.until_ms > MAX_MS:  # of an older release
        return KeptAnswer(topic=one.topic, until=None, reason=FOR_EVER)
    until = format_ts(one.until_ms * 1_000_000) if one.until_ms else None
    return KeptAnswer(topic=one.topic, until=until, reason=one.reason)


async def _known(of: Services) -> list[Known]:
    return await anyio.to_thread.run_sync(backups, of.indexer.store.directory)


def _backups(known: Sequence[Known], *, of_ms: int | None) -> list[BackupAnswer]:
    """Those that were made before rows were deleted at `of_ms`; None for now."""
    return [
        BackupAnswer(directory=one.directory, made=one.made) for one in known if of_ms is None or one.made_ms <= of_ms
    ]
