"""Pages of other sites may not change anything here."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request


def refuse_other_sites(request: Request) -> None:
    """A page elsewhere may send a form here, but not hide that it does. Browsers leave `Sec-Fetch-Site` out where this
    server is neither loopback nor HTTPS, and `Origin` never."""
    headers = request.headers
    origin = headers.get("origin")
    is_other = origin is not None and origin.partition("://")[2] != headers.get("host", "")
    if is_other or headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise HTTPException(403, "another site may not ask for this")
