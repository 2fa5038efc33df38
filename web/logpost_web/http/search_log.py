"""What searches cost: counted by kind, and each slow one as a line of JSON in the log.

The text of a query may name what somebody had erased. Such a text is left out, and its hash stands in its place: who
knows the text can still tell that it was this one.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterable

import msgspec
from prometheus_client import Counter, Histogram

from logpost.query.words import normal_form
from logpost_web.http.running import Search

log = logging.getLogger("web")

SECONDS = Histogram(
    "logpost_web_search_seconds",
    "How long searches took from their first byte to their answer, by kind.",
    ["kind"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
ROWS = Counter("logpost_web_search_read_rows", "Rows of the store that searches read, by kind.", ["kind"])
BYTES = Counter("logpost_web_search_read_bytes", "Bytes of the store that searches read, by kind.", ["kind"])
OUTCOMES = Counter("logpost_web_searches", "Searches by kind and outcome.", ["kind", "outcome"])
HASH_CHARACTERS = 16
MOST_CHARACTERS = 2_000
"""Of a query's text in a line."""


class SlowSearch(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`query_hash` in the place of `query`: its SHA-256, cut."""

    slow_search: str
    kind: str
    who: str
    outcome: str
    seconds: float
    rows_read: int
    bytes_read: int
    query: str = ""
    query_hash: str = ""


class SearchLog:
    def __init__(self, slow_seconds: float) -> None:
        """0: no search is slow."""
        self._slow_seconds = slow_seconds
        self._erased: set[str] = set()

    def leave_out(self, words: Iterable[str]) -> None:
        """From now on no line has the text of a query with one of these words in it, in any spelling that finds it.
        `*` at an end of a word is any more of it."""
        self._erased.update(normal_form(word) for word in words if word)

    def ended(self, search: Search, outcome: str) -> None:
        seconds = search.seconds
        SECONDS.labels(search.kind).observe(seconds)
        ROWS.labels(search.kind).inc(search.rows_read)
        BYTES.labels(search.kind).inc(search.bytes_read)
        OUTCOMES.labels(search.kind, outcome).inc()
        if 0 < self._slow_seconds <= seconds:
            log.warning("%s", msgspec.json.encode(self._line(search, outcome, seconds)).decode())

    def _line(self, search: Search, outcome: str, seconds: float) -> SlowSearch:
        is_erased = self._has_erased(search.query)
        return SlowSearch(
            slow_search=search.id,
            kind=search.kind,
            who=search.who,
            outcome=outcome,
            seconds=round(seconds, 3),
            rows_read=search.rows_read,
            bytes_read=search.bytes_read,
            query="" if is_erased else search.query[:MOST_CHARACTERS],
            query_hash=hashlib.sha256(search.query.encode()).hexdigest()[:HASH_CHARACTERS] if is_erased else "",
        )

    def _has_erased(self, query: str) -> bool:
        text = normal_form(query)
        return any(re.search(_expression(word), text) for word in self._erased)


def _expression(word: str) -> str:
    before, after = "" if word.startswith("*") else r"(?<!\w)", "" if word.endswith("*") else r"(?!\w)"
    return f"{before}{re.escape(word.strip('*'))}{after}"
