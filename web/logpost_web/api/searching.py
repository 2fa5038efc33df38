"""What all addresses have that search: a time limit of the client's own, a place in the list of what runs, and an
account of what it cost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from logpost.query.errors import QuerySyntaxError
from logpost_web.api.services import services
from logpost_web.errors import BadArgumentError
from logpost_web.http.errors import ClientGoneError, OutOfTimeError, StoppedError
from logpost_web.http.places import NoPlaceError
from logpost_web.query.arguments import seconds_argument
from logpost_web.store.errors import OUT_OF_MEMORY, QueryError

Endpoint = Callable[[Request], Awaitable[Response]]

TIMEOUT = "timeout"
"""The argument in a URL."""
OUTCOMES: dict[type[Exception], str] = {
    OutOfTimeError: "timed_out",
    ClientGoneError: "cancelled",
    StoppedError: "stopped",
    NoPlaceError: "refused",
    QuerySyntaxError: "mistaken",
    BadArgumentError: "mistaken",
    HTTPException: "done",  # there is no such record
}


def searching(kind: str, endpoint: Endpoint) -> Endpoint:
    async def run(request: Request) -> Response:
        queries = services(request).queries
        timeout = seconds_argument(request.query_params, TIMEOUT, queries.most_seconds)
        with queries.searches.running(request, kind, request.query_params.get("q", ""), timeout) as search:
            outcome = "failed"
            try:
                response = await endpoint(request)
                outcome = "done"
            except Exception as error:
                outcome = _outcome(error)
                raise
            finally:
                queries.log.ended(search, outcome)
        return response

    return run


def _outcome(error: Exception) -> str:
    if isinstance(error, QueryError):
        is_limit = error.too_large or error.spilled_too_much or error.code == OUT_OF_MEMORY
        return "refused" if is_limit else "failed"
    return OUTCOMES.get(type(error), "failed")
