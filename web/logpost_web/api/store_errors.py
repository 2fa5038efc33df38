"""What a client is told when the store cannot answer."""

from __future__ import annotations

import logging

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ExceptionHandler

from logpost_web.http import errors
from logpost_web.http.errors import error_response
from logpost_web.query.statement import MAX_ANSWER_BYTES, MAX_SECONDS
from logpost_web.store.errors import QueryError

log = logging.getLogger("web")

LIMIT_ERRORS = {
    159: (504, "time_limit", f"the search took more than {MAX_SECONDS} s: choose a shorter time range or a rarer word"),
    241: (500, "memory_limit", "the search needs more than store.max_memory_bytes: choose a shorter time range"),
    396: (400, "answer_limit", f"the answer is larger than {MAX_ANSWER_BYTES:,} bytes: choose a lower limit"),
}
"""ClickHouse's error codes of a limit → status, code and message."""
DAMAGED = "a part of the store is damaged: it is set aside, and its records are read again from the topic; search again"


def _store_failed(_: Request, error: Exception) -> Response:
    assert isinstance(error, QueryError)
    if error.code in LIMIT_ERRORS:
        return error_response(*LIMIT_ERRORS[error.code])
    log.error("the store failed: %s", error)
    if error.is_damage:
        return error_response(503, "store_damaged", DAMAGED)
    return error_response(500, "store", str(error))


HANDLERS: dict[object, ExceptionHandler] = {**errors.HANDLERS, QueryError: _store_failed}
