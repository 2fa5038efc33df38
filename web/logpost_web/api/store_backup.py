"""`/api/store/backup` and `/api/store/restore`: what `logpost store backup` and `restore` ask a web that runs to do.

The command copies, since a unit lets the web write nowhere else; the web sets apart what is to be copied for as long as
the command keeps its connection.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.to_thread
import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from logpost.errors import LogpostError
from logpost_web.api.services import services
from logpost_web.backup import allowed, known
from logpost_web.backup.restoring import Restored, restore
from logpost_web.errors import BadArgumentError
from logpost_web.http.arguments import check_names
from logpost_web.http.other_sites import refuse_other_sites
from logpost_web.indexer.errands import Errands
from logpost_web.indexer.indexer import Indexer
from logpost_web.store.errors import QueryError
from logpost_web.store.frozen import Frozen, freeze, release

T = TypeVar("T")

LEFT_SECONDS = 3.0
OTHER = "another backup or restore goes on"


class HeldAnswer(Response):
    """An answer whose end does not come: when the client has closed its connection, `at_end` is called."""

    def __init__(self, body: bytes, at_end: Callable[[], None]) -> None:
        super().__init__(media_type="application/json")
        del self.headers["content-length"]
        self._line = body + b"\n"
        self._at_end = at_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": self._line, "more_body": True})
            while (await receive())["type"] != "http.disconnect":
                pass
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._at_end)


async def start_backup(request: Request) -> Response:
    """What is to be copied, as `Frozen`, which is there until the client closes its connection."""
    refuse_other_sites(request)
    target = _directory(request, ("directory",))
    indexer = services(request).indexer
    await _be_alone(indexer.errands)

    def end() -> None:
        release(indexer.store)
        indexer.errands.alone.release()

    try:
        frozen = await anyio.to_thread.run_sync(_freeze, indexer, target)
    except BaseException:
        end()
        raise
    return HeldAnswer(msgspec.json.encode(frozen), end)


def _freeze(indexer: Indexer, target: str) -> Frozen:
    store = indexer.store
    frozen = _done(lambda: indexer.errands.ask(lambda: freeze(store), changes=False))
    known.begun(store.directory, target, frozen.made)
    return frozen


async def end_backup(request: Request) -> Response:
    """The client has written all of it."""
    refuse_other_sites(request)
    target = _directory(request, ("directory", "made"))
    store = services(request).indexer.store
    await anyio.to_thread.run_sync(known.ended, store.directory, target, request.query_params.get("made", ""))
    return Response(status_code=204)


async def start_restore(request: Request) -> Response:
    """Answers when it is done, as `Restored`."""
    refuse_other_sites(request)
    directory = _directory(request, ("directory", "sound"))
    sound_only = "sound" in request.query_params
    indexer = services(request).indexer
    await _be_alone(indexer.errands)
    try:
        found = await anyio.to_thread.run_sync(_restore, indexer, Path(directory), sound_only)
    finally:
        indexer.errands.alone.release()
    return Response(msgspec.json.encode(found), media_type="application/json")


def _restore(indexer: Indexer, directory: Path, sound_only: bool) -> Restored:
    errands = indexer.errands
    _done(lambda: allowed.check(indexer.store.directory, indexer.backups, directory))
    return _done(
        lambda: restore(
            indexer.store,
            directory,
            lambda work: errands.ask(work, changes=True),
            sound_only=sound_only,
        )
    )


def _done(work: Callable[[], T]) -> T:
    """Raises HTTPException for what its caller mends."""
    try:
        return work()
    except QueryError:
        raise
    except LogpostError as error:
        raise HTTPException(409, str(error)) from error
    except OSError as error:
        raise HTTPException(409, f"{error.filename}: {error.strerror}" if error.filename else str(error)) from error


async def _be_alone(errands: Errands) -> None:
    """Until `errands.alone` is released. What another left when it closed its connection is soon removed."""
    if not await anyio.to_thread.run_sync(partial(errands.alone.acquire, timeout=LEFT_SECONDS)):
        raise HTTPException(409, OTHER)


def _directory(request: Request, names: tuple[str, ...]) -> str:
    check_names(request.query_params, names)
    found = request.query_params.get("directory", "")
    if not Path(found).is_absolute():
        raise BadArgumentError("directory must be a path from the root on")
    return found
