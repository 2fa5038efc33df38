"""Answers as JSON, made in a thread: a page of long rows takes its time to encode and to compress."""

from __future__ import annotations

import gzip

import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import Response

MINIMUM_BYTES = 1000
"""Shorter answers are not compressed."""
LEVEL = 4


async def json_answer(request: Request, answer: msgspec.Struct) -> Response:
    return await anyio.to_thread.run_sync(_response, answer, "gzip" in request.headers.get("accept-encoding", ""))


def _response(answer: msgspec.Struct, compress: bool) -> Response:
    body = msgspec.json.encode(answer)
    headers = {"Vary": "Accept-Encoding"}
    if compress and len(body) >= MINIMUM_BYTES:
        body = gzip.compress(body, LEVEL)
        headers["Content-Encoding"] = "gzip"
    return Response(body, media_type="application/json", headers=headers)
