"""`/`: the search page. The server renders the shell; `static/main.js` asks the API for the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from logpost.controls import INVISIBLE
from logpost.query.fields import RECORD_FIELDS
from logpost.record import LEVELS
from logpost_web.pages.templates import render
from logpost_web.query.excerpt import BEFORE_MATCH, EXCERPT_CHARACTERS


@dataclass(frozen=True, slots=True)
class QuickRange:
    """`start`: as the API takes it; `all` is the page's word for an open start."""

    start: str
    label: str


QUICK_RANGES = (
    QuickRange("-5m", "Last 5 minutes"),
    QuickRange("-15m", "Last 15 minutes"),
    QuickRange("-1h", "Last hour"),
    QuickRange("-3h", "Last 3 hours"),
    QuickRange("-12h", "Last 12 hours"),
    QuickRange("-24h", "Last 24 hours"),
    QuickRange("-2d", "Last 2 days"),
    QuickRange("-7d", "Last 7 days"),
    QuickRange("-30d", "Last 30 days"),
    QuickRange("all", "All time"),
)
VOCABULARY = {
    "default_start": "-1h",
    "fields": tuple(RECORD_FIELDS),
    "levels": LEVELS,
    "invisible": INVISIBLE,
    "excerpt_characters": EXCERPT_CHARACTERS,
    "before_match": BEFORE_MATCH,
}
"""What page and server must call alike (`static/vocabulary.js`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPage:
    """Context of `search.html`."""

    query: str
    quick_ranges: tuple[QuickRange, ...]
    vocabulary: Mapping[str, object]


async def search_page(request: Request) -> Response:
    context = SearchPage(
        query=request.query_params.get("q", ""),
        quick_ranges=QUICK_RANGES,
        vocabulary=VOCABULARY,
    )
    return render("search.html", context)
