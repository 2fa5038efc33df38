"""`/healthz`: the process answers. `/readyz`: it can find what is sent to it."""

from __future__ import annotations

import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from logpost_web.api.services import services


async def healthz(_: Request) -> Response:
    return PlainTextResponse("ok\n")


class Readiness(msgspec.Struct):
    ready: bool
    reasons: list[str]


async def readyz(request: Request) -> Response:
    """200, or 503 with what is missing."""
    reasons = await anyio.to_thread.run_sync(lambda: list(services(request).missing()))
    body = msgspec.json.encode(Readiness(not reasons, reasons))
    return Response(body, 503 if reasons else 200, media_type="application/json")
