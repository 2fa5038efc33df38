"""A deletion whose process ends, or whose store or disk fails, at each of its steps in turn: all of it happens or
nothing, and `done` is said when it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from logpost_web.deletion.book import Book
from logpost_web.deletion.counting import Counting
from logpost_web.deletion.deletion import MAX_PAUSE_MS, Deletion
from logpost_web.deletion.erasing import Erasing
from logpost_web.deletion.question import read_question
from logpost_web.store import deleted
from logpost_web.store.errors import QueryError
from logpost_web.store.store import Store

ROWS, TAKEN = 8, 4
STEPS = ("take", "forget_matched", "hide", "begin_removal", "forget")


class KilledError(BaseException):
    pass


class Fault:
    """Strikes once, at the call of this number of those that change the store or the book."""

    def __init__(self, patched: pytest.MonkeyPatch, number: int, kind: str) -> None:
        self._left = number
        self._kind = kind
        for name in STEPS:
            patched.setattr(deleted, name, self._struck(getattr(deleted, name), QueryError("the connection broke")))
        patched.setattr(Book, "save", self._struck(Book.save, OSError(28, "No space left on device")))

    @property
    def has_struck(self) -> bool:
        return self._left < 0

    def _struck(self, call: Callable[..., Any], error: Exception) -> Callable[..., Any]:
        def calling(*arguments: Any) -> Any:
            self._left -= 1
            if self._left != -1:
                return call(*arguments)
            if self._kind == "killed":
                raise KilledError
            if self._kind == "failed afterwards":
                call(*arguments)
            raise error

        return calling


def fill(store: Store) -> None:
    for table in ("otel_logs", "otel_logs_deleted", "otel_logs_matched"):
        store.command(f"TRUNCATE TABLE {table}")
    (store.directory / "deletions.json").unlink(missing_ok=True)
    rows = [
        {"Body": f"row {number % 2}", "Topic": "logs", "TopicId": "id", "Partition": 0, "Offset": number}
        for number in range(ROWS)
    ]
    store.insert("\n".join(map(json.dumps, rows)).encode())


class Web:
    def __init__(self, store: Store) -> None:
        self.book = Book(store.directory)
        self.erasing = Erasing(store, self.book)

    def begin(self) -> None:
        self.erasing.begin(0)
        self.erasing.settle(0)

    def finish(self) -> None:
        """As the indexer's thread does it: what fails is tried at its next look."""
        now = 0
        while not all(one.is_over for one in self.book.all()):
            now += MAX_PAUSE_MS
            try:
                self.erasing.step(now)
                for one in self.book.all():
                    one.is_recorded |= one.is_to_be_recorded
            except OSError:
                continue


@pytest.mark.parametrize(
    ("kind", "is_cancelled"), [("killed", False), ("killed", True), ("failed", True), ("failed afterwards", False)]
)
def test_at_each_step(store: Store, monkeypatch: pytest.MonkeyPatch, kind: str, is_cancelled: bool) -> None:
    monkeypatch.setattr(deleted, "SLICE_ROWS", TAKEN // 2)  # they are hidden by two statements
    for number in count():
        fill(store)
        _, condition, span = read_question('"row 1"', "", 0)
        name, found = Counting(store).count(condition, span)
        is_refused = False
        web = Web(store)
        asked = Deletion(id=name, created_ms=0, who="a test", matched=found.rows)
        with monkeypatch.context() as patched:
            fault = Fault(patched, number, kind)
            try:
                web.erasing.accept(asked, 0)
                if is_cancelled:
                    web.erasing.cancel(asked, 0)
                web.finish()
            except OSError:
                is_refused = True
                web.finish()
            except KilledError:
                web = Web(store)
                web.begin()
                assert seen(store) in (ROWS, ROWS - TAKEN), number
                web.finish()
        states = [one.state for one in web.book.all()]
        took = deleted.counted(store).get(name, 0)
        assert (states, took) in ([(["done"], TAKEN), ([], 0)] + [(["cancelled"], 0)] * is_cancelled), number
        assert is_refused or states or kind == "killed", number
        if states == ["done"]:
            assert (seen(store), on_disk(store)) == (ROWS - TAKEN, ROWS - TAKEN), number
        if states == ["cancelled"]:
            assert seen(store) == ROWS or web.erasing.lacks_rows or kind == "killed", number
        if not states:
            assert seen(store) == ROWS, number
        if not fault.has_struck:
            assert number > 10
            return


def seen(store: Store) -> int:
    return int(store.query("SELECT count() FROM otel_logs").rows[0][0])


def on_disk(store: Store) -> int:
    found = store.query("SELECT sum(rows) FROM system.parts WHERE active AND table = 'otel_logs'")
    return int(found.rows[0][0])
