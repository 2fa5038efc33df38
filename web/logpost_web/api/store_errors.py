"""What a client is told when the store cannot answer."""

from __future__ import annotations

import logging

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ExceptionHandler

from logpost_web.http import errors
from logpost_web.http.errors import error_response
from logpost_web.query.statement import MAX_ANSWER_BYTES
from logpost_web.store.errors import OUT_OF_MEMORY, QueryError

log = logging.getLogger("web")

DAMAGED = "a part of the store is damaged: it is set aside, and its records are read again from the topic; search again"
MEMORY = "the search needs more than its part of store.max_memory_bytes: choose a shorter time range"
SPILL = "the search needs more room on the disk than store.max_spill_bytes: choose a shorter time range"
ANSWER = f"the answer is larger than {MAX_ANSWER_BYTES:,} bytes: choose a lower limit"
SHORT_OF_MEMORY = "the store has no memory left (store.max_memory_bytes): try again in a few seconds"


def _store_failed(_: Request, error: Exception) -> Response:
    assert isinstance(error, QueryError)
    if error.spilled_too_much:
        return error_response(400, "spill_limit", SPILL)
    if error.too_large:
        return error_response(400, "answer_limit", ANSWER)
    if error.needs_more_memory:
        return error_response(400, "memory_limit", MEMORY)
    log.error("the store failed: %s", error)
    if error.code == OUT_OF_MEMORY:
        response = error_response(503, "memory", SHORT_OF_MEMORY)
        response.headers["Retry-After"] = "5"
        return response
    if error.is_damage:
        return error_response(503, "store_damaged", DAMAGED)
    return error_response(500, "store", str(error))


HANDLERS: dict[object, ExceptionHandler] = {**errors.HANDLERS, QueryError: _store_failed}
