"""`/metrics`: this process and the broker, for Prometheus."""

from __future__ import annotations

import anyio.to_thread
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response


async def metrics(_: Request) -> Response:
    """Collectors ask the broker and may wait for it: not on the event loop."""
    return Response(await anyio.to_thread.run_sync(generate_latest), headers={"content-type": CONTENT_TYPE_LATEST})
