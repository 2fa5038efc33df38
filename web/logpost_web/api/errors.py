"""Failures as JSON: `{"error":{"code","message","at"}}` with the right status, in one place."""

from __future__ import annotations

import logging
from http import HTTPStatus

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ExceptionHandler

from logpost_web.api.places import NoPlaceError
from logpost_web.search.errors import BadArgumentError, QuerySyntaxError
from logpost_web.search.rows import MAX_ANSWER_BYTES, MAX_SECONDS
from logpost_web.store.errors import QueryError

log = logging.getLogger("web")


LIMIT_ERRORS = {
    159: (504, "time_limit", f"the search took more than {MAX_SECONDS} s: choose a shorter time range or a rarer word"),
    241: (500, "memory_limit", "the search needs more than store.max_memory_bytes: choose a shorter time range"),
    396: (400, "answer_limit", f"the answer is larger than {MAX_ANSWER_BYTES:,} bytes: choose a lower limit"),
}
"""ClickHouse's error codes of a limit → status, code and message."""
DAMAGED = "a part of the store is damaged: it is set aside, and its records are read again from the topic; search again"


class ClientGoneError(Exception):
    """The client closed its connection: nobody reads the answer."""


class ErrorBody(msgspec.Struct, kw_only=True):
    """`at`: 0-based position in the query, null where there is none."""

    code: str
    message: str
    at: int | None = None


class ErrorAnswer(msgspec.Struct):
    error: ErrorBody


def error_response(status: int, code: str, message: str, at: int | None = None) -> Response:
    body = ErrorAnswer(ErrorBody(code=code, message=message, at=at))
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def _bad_query(_: Request, error: Exception) -> Response:
    assert isinstance(error, QuerySyntaxError)
    return error_response(400, "bad_query", error.message, error.at)


def _bad_argument(_: Request, error: Exception) -> Response:
    return error_response(400, "bad_argument", str(error))


def _store_failed(_: Request, error: Exception) -> Response:
    assert isinstance(error, QueryError)
    if error.code in LIMIT_ERRORS:
        return error_response(*LIMIT_ERRORS[error.code])
    log.error("the store failed: %s", error)
    if error.is_damage:
        return error_response(503, "store_damaged", DAMAGED)
    return error_response(500, "store", str(error))


def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    response = error_response(status, status.name.lower(), error.detail)
    response.headers.update(error.headers or {})
    return response


def _no_place(_: Request, error: Exception) -> Response:
    response = error_response(429, "too_many_searches", f"{error}: try again in a few seconds")
    response.headers["Retry-After"] = "5"
    return response


def _client_gone(_: Request, __: Exception) -> Response:
    return Response(status_code=499)


def _bug(request: Request, error: Exception) -> Response:
    # Starlette logs the traceback itself, once, when it raises the error again.
    return error_response(500, "internal", f"{type(error).__name__}: the log of logpost web has the details")


HANDLERS: dict[object, ExceptionHandler] = {
    QuerySyntaxError: _bad_query,
    BadArgumentError: _bad_argument,
    QueryError: _store_failed,
    HTTPException: _http_error,
    NoPlaceError: _no_place,
    ClientGoneError: _client_gone,
    Exception: _bug,
}
