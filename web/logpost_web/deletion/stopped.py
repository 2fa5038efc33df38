"""Deletions in the store of a box that is stopped. The topic of deletions learns of them when its web runs."""

from __future__ import annotations

import select
from collections.abc import Callable

from logpost.errors import LogpostError
from logpost_web.deletion.book import Book
from logpost_web.deletion.counting import Counting
from logpost_web.deletion.deletion import Deletion
from logpost_web.deletion.erasing import Erasing
from logpost_web.deletion.question import read_question
from logpost_web.deletion_text import RECORDED_LATER
from logpost_web.store import manifest_table, rebuild
from logpost_web.store.deleted import Matched
from logpost_web.store.store import Store

POLL_SECONDS = 0.1


def count(store: Store, query: str, before: str, now_ns: int) -> tuple[str, Matched]:
    """The id of a deletion, and what it would take. Raises LogpostError and what `read_question` does."""
    if store.reads_older:
        raise LogpostError("rows of an older layout are still being moved: let logpost web do that, and delete then")
    if rebuild.is_running(store) or any(line.lacks for line in manifest_table.read(store)):
        raise LogpostError("the store lacks rows that it had: let logpost web fill it again, and delete then")
    _, condition, time_range = read_question(query, before, now_ns)
    return Counting(store).count(condition, time_range)


def delete(store: Store, deletion: str, found: Matched, who: str, now_ms: Callable[[], int]) -> Deletion:
    """Returns when no file has the rows, or it cannot go on; see its `reason`."""
    book = Book(store.directory)
    erasing = Erasing(store, book)
    asked = Deletion(id=deletion, created_ms=now_ms(), who=who, matched=found.rows)
    erasing.accept(asked, now_ms())
    while asked.is_open and (asked.state == "waiting" or asked.units) and not asked.reason:
        erasing.step(now_ms())
        # `time.sleep` fails where the clock is shifted by a preloaded library.
        select.select((), (), (), POLL_SECONDS)
    if asked.is_open and not asked.reason:
        asked.reason = RECORDED_LATER
        book.save()
    return asked


def cancel(store: Store, deletion: str, now_ms: int) -> Deletion:
    """Raises LogpostError for one that is not there, or done."""
    book = Book(store.directory)
    found = book.get(deletion)
    if found is None:
        raise LogpostError("there is no such deletion")
    if found.state == "done":
        raise LogpostError("it is done: nothing is left to cancel")
    return found if found.state == "cancelled" else Erasing(store, book).cancel(found, now_ms)
