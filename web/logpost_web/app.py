"""The web application: every address, in one list."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from logpost_web.api.health import healthz, readyz
from logpost_web.api.histogram import histogram
from logpost_web.api.metrics import metrics
from logpost_web.api.record import record
from logpost_web.api.running import running_searches, stop_search
from logpost_web.api.search import search
from logpost_web.api.searching import searching
from logpost_web.api.services import Services
from logpost_web.api.store import check_store, confirm, show_rebuild, start_rebuild
from logpost_web.api.store_backup import end_backup, start_backup, start_restore
from logpost_web.api.store_delete import cancel_deletion, delete_rows, show_deletion, show_deletions
from logpost_web.api.store_errors import HANDLERS
from logpost_web.api.store_stats import store_stats
from logpost_web.http.headers import SecurityHeaders
from logpost_web.http.own_hosts import LOOPBACK, OwnHosts
from logpost_web.pages.packages_page import DIRECTORY, package, packages_page
from logpost_web.pages.search_page import search_page

# Answers of the API are packed in a thread (`answers.py`), and records go as they are.
PACKED = (Middleware(GZipMiddleware, minimum_size=1000),)
STATIC = Path(__file__).parent / "pages" / "static"


def create_app(
    services: Services,
    hosts: frozenset[str] = LOOPBACK,
    packages: Path = DIRECTORY,
    external_url: str = "",
) -> ASGIApp:
    """`hosts`: what this server is called, of `own_hosts`; `packages`: the directory of the agent's; `external_url`:
    where people open it, in front of a proxy perhaps."""
    app = Starlette(
        routes=[
            Route("/", search_page, methods=["GET"], middleware=PACKED),
            Route("/api/search", searching("search", search), methods=["GET"]),
            Route("/api/histogram", searching("histogram", histogram), methods=["GET"]),
            Route("/api/record", searching("record", record), methods=["GET"]),
            Route("/api/queries", running_searches, methods=["GET"]),
            Route("/api/queries/{id}", stop_search, methods=["DELETE"]),
            Route("/api/store/check", check_store, methods=["POST"]),
            Route("/api/store/confirm", confirm, methods=["POST"]),
            Route("/api/store/stats", store_stats, methods=["GET"]),
            Route("/api/store/backup", start_backup, methods=["POST"]),
            Route("/api/store/backup/end", end_backup, methods=["POST"]),
            Route("/api/store/restore", start_restore, methods=["POST"]),
            Route("/api/store/rebuild", start_rebuild, methods=["POST"]),
            Route("/api/store/rebuild", show_rebuild, methods=["GET"]),
            Route("/api/store/delete", delete_rows, methods=["POST"]),
            Route("/api/store/deletes", show_deletions, methods=["GET"]),
            Route("/api/store/deletes/{id}", show_deletion, methods=["GET"]),
            Route("/api/store/deletes/{id}", cancel_deletion, methods=["DELETE"]),
            Route("/healthz", healthz, methods=["GET"]),
            Route("/readyz", readyz, methods=["GET"]),
            Route("/metrics", metrics, methods=["GET"], middleware=PACKED),
            Route("/packages/", packages_page, methods=["GET"]),
            Route("/packages/{name}", package, methods=["GET"]),
            Mount("/static", StaticFiles(directory=STATIC), name="static", middleware=PACKED),
        ],
        exception_handlers=HANDLERS,
    )
    app.state.services = services
    app.state.packages = packages
    app.state.external_url = external_url
    # An address is there or it is not: a redirect would repeat what the client wrote, also `//elsewhere.example/`.
    app.router.redirect_slashes = False
    return SecurityHeaders(OwnHosts(app, hosts))
