"""Pages of other sites may not change anything here."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request

USUAL_PORTS = {"http": 80, "https": 443}


def refuse_other_sites(request: Request) -> None:
    """A page elsewhere may send a form here, but not hide that it does. Browsers leave `Sec-Fetch-Site` out where this
    server is neither loopback nor HTTPS, and `Origin` never. A proxy may have put another `Host` in the place of what
    people open, which `web.external_url` says."""
    headers = request.headers
    origin = headers.get("origin")
    own = origin_of(getattr(request.app.state, "external_url", ""))
    is_own = origin is None or origin.partition("://")[2] == headers.get("host", "") or origin == own
    if not is_own or headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise HTTPException(403, "another site may not ask for this")


def origin_of(url: str) -> str | None:
    """What a browser sends as the origin of pages below `url`; None for the empty text."""
    found = urlsplit(url)
    if not found.hostname:
        return None
    host = f"[{found.hostname}]" if ":" in found.hostname else found.hostname
    port = "" if found.port in (None, USUAL_PORTS.get(found.scheme)) else f":{found.port}"
    return f"{found.scheme}://{host}{port}"
