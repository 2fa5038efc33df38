"""What queries for a deletion found, until somebody says yes: exactly these rows are deleted then, and none that came
later."""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Collection

from logpost_web.query.condition import Condition
from logpost_web.query.timerange import TimeRange
from logpost_web.store import deleted
from logpost_web.store.deleted import Matched
from logpost_web.store.errors import QueryError
from logpost_web.store.store import Store

MAX_COUNTED = 8
"""Kept at once; the oldest are forgotten, and must be counted again."""
MAX_ROWS = 10_000_000
"""Of one deletion. More is a matter for retention, or for several deletions."""
TOO_LARGE = f"more than {MAX_ROWS:,} rows match: delete them by several queries, or let store.retention do it"


class Counting:
    """Any thread; one count at a time. Methods raise QueryError, whose text repeats nothing of the query."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._alone = threading.Lock()
        self._lock = threading.Lock()
        self._counted: dict[str, Matched] = {}
        self._made: set[str] | None = set()

    def count(self, condition: Condition, time_range: TimeRange) -> tuple[str, Matched]:
        """The id of a deletion, and what it would take."""
        with self._alone:
            deletion = uuid.uuid4().hex[:12]
            with self._lock:
                if self._made is not None:
                    self._made.add(deletion)
            try:
                found = deleted.match(self._store, deletion, condition, time_range, MAX_ROWS + 1)
            except QueryError as error:
                with contextlib.suppress(QueryError):
                    deleted.forget_matched(self._store, deletion)
                raise QueryError(f"the store could not count: ClickHouse's error {error.code}", error.code) from None
            if found.rows > MAX_ROWS:
                deleted.forget_matched(self._store, deletion)
                raise QueryError(TOO_LARGE)
            with self._lock:
                self._keep(deletion, found)
            return deletion, found

    def _keep(self, deletion: str, found: Matched) -> None:
        self._counted[deletion] = found
        while len(self._counted) > MAX_COUNTED:
            oldest = next(iter(self._counted))
            del self._counted[oldest]
            with contextlib.suppress(QueryError):  # or the next start does
                deleted.forget_matched(self._store, oldest)

    def take(self, deletion: str) -> Matched | None:
        """To be deleted now; None for one that is not known, or was taken."""
        with self._lock:
            return self._counted.pop(deletion, None)

    def put_back(self, deletion: str, found: Matched) -> None:
        """It was taken, and nothing happened to it."""
        with self._lock:
            self._keep(deletion, found)

    def forget_left(self, open_ones: Collection[str]) -> None:
        """Once: what a process counted before this one, and no deletion is of."""
        with self._lock:
            if self._made is None:
                return
            for left in deleted.matched(self._store) - self._made - set(open_ones):
                deleted.forget_matched(self._store, left)
            self._made = None
