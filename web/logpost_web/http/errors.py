"""Failures as JSON: `{"error":{"code","message","at"}}` with the right status, in one place."""

from __future__ import annotations

from http import HTTPStatus

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ExceptionHandler

from logpost.query.errors import QuerySyntaxError
from logpost_web.errors import BadArgumentError
from logpost_web.http.places import NoPlaceError


class ClientGoneError(Exception):
    """The client closed its connection: nobody reads the answer."""


class OutOfTimeError(Exception):
    """A search took longer than it may."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the search took more than {seconds:g} s")


class StoppedError(Exception):
    """An operator ended the search."""


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


def _out_of_time(_: Request, error: Exception) -> Response:
    return error_response(504, "time_limit", f"{error}: choose a shorter time range or a rarer word")


def _stopped(_: Request, __: Exception) -> Response:
    return error_response(503, "search_stopped", "an operator has ended this search")


def _client_gone(_: Request, __: Exception) -> Response:
    return Response(status_code=499)


def _bug(request: Request, error: Exception) -> Response:
    # Starlette logs the traceback itself, once, when it raises the error again.
    return error_response(500, "internal", f"{type(error).__name__}: the log of logpost web has the details")


HANDLERS: dict[object, ExceptionHandler] = {
    QuerySyntaxError: _bad_query,
    BadArgumentError: _bad_argument,
    HTTPException: _http_error,
    NoPlaceError: _no_place,
    ClientGoneError: _client_gone,
    OutOfTimeError: _out_of_time,
    StoppedError: _stopped,
    Exception: _bug,
}
