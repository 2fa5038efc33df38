"""What the topic of deletions has, and a store or its book has not: taken over before anything else is indexed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from logpost.said_once import SaidOnce
from logpost_web.deletion.book import Book
from logpost_web.deletion.deletion import Deletion
from logpost_web.deletion.erasing import Erasing
from logpost_web.deletion.record import Header, RecordError, decode_header, decode_part, deletion_of
from logpost_web.store import deleted
from logpost_web.store.store import Store

Records = Callable[[], Iterable[tuple[str, bytes]]]
"""Keys and values of all records of the topic."""
SHOWN_KEY = 100

log = logging.getLogger("deletion")


class Learning:
    """For one thread, that of the book."""

    def __init__(self, store: Store, book: Book, erasing: Erasing) -> None:
        self._store = store
        self._book = book
        self._erasing = erasing
        self._said = SaidOnce(log)
        self._unread: set[str] = set()

    @property
    def unread(self) -> int:
        """Records that are none of a deletion, by their keys."""
        return len(self._unread)

    def learn(self, records: Records, now_ms: int) -> None:
        """Of what is no record of a deletion it says so, once, and goes on. Raises QueryError, OSError of the book, and
        what `records` raises."""
        self._unread.clear()
        headers: dict[str, Header] = {}
        for key, value in records():
            if not deletion_of(key)[1]:
                try:
                    headers[key] = decode_header(key, value)
                except RecordError as error:
                    self._leave_out(key, error)
        known = deleted.counted(self._store)
        ended = {one.id for one in self._book.all() if not one.holds}
        of_all = [one for one in headers.values() if not one.is_cancelled]
        self._read_parts(records, {one.id for one in of_all if one.id not in ended and known.get(one.id, 0) < one.rows})
        for header in headers.values():
            if header.is_cancelled:
                self._learn_cancelled(header, header.id in known, now_ms)
        self._learn_deleted(of_all, known)
        for one in self._book.all():
            # The broker was put back to an older state, or somebody wrote over it. Not of one that only the topic has.
            if one.id not in headers and one.matched and (one.is_hidden or one.state == "cancelled"):
                one.is_recorded = False

    def _leave_out(self, key: str, error: RecordError) -> None:
        self._unread.add(key)
        self._said.error(
            key,
            "a record of the topic of deletions is none of logpost's, and is left out: its key is %s, %s. Nothing else"
            " may write there. A deletion whose lines are not all known here fails, and says so",
            ascii(key[:SHOWN_KEY]),
            error,
        )

    def _read_parts(self, records: Records, wanted: set[str]) -> None:
        if not wanted:
            return
        for key, value in records():
            deletion, is_part = deletion_of(key)
            if is_part and deletion in wanted:
                try:
                    rows = decode_part(deletion, value)
                except RecordError as error:
                    self._leave_out(key, error)
                else:
                    deleted.insert(self._store, rows)

    def _learn_cancelled(self, header: Header, is_counted: bool, now_ms: int) -> None:
        found = self._book.get(header.id)
        if found is not None and found.holds and found.state != "done":
            self._erasing.cancel(found, now_ms).is_recorded = True
            self._book.save()
        elif found is None and is_counted:
            deleted.forget(self._store, header.id)
            self._erasing.lacks_rows = True

    def _learn_deleted(self, headers: list[Header], known: dict[str, int]) -> None:
        """What the store counts as deleted, and the book does not know, is long done, or the book was lost: there is
        something to do only where files have such rows."""
        new = [one for one in headers if self._book.get(one.id) is None]
        counted = [one.id for one in new if known.get(one.id, 0) >= one.rows]
        left = set(counted) if deleted.on_disk(self._store, counted) else set()
        done = {one for one in counted if one not in left or not deleted.on_disk(self._store, [one])}
        for header in headers:
            found = self._book.get(header.id)
            if found is not None and found.holds and not found.is_recorded:
                found.is_recorded = True
                self._book.save()
            elif found is None and header.id not in done:
                self._book.put(_deletion(header))


def _deletion(header: Header) -> Deletion:
    return Deletion(
        id=header.id,
        created_ms=header.created_ms,
        who=header.who,
        matched=header.rows,
        places=header.rows,
        kept=header.kept,
        is_counted_out=True,
        is_recorded=True,
    )
