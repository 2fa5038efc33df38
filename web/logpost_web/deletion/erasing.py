"""The store's part of deletions: first no statement sees the rows any more, then no file has them."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable

import msgspec

from logpost_web.deletion.book import Book
from logpost_web.deletion.deletion import KILLED_HIDING, TRIES, Deletion
from logpost_web.store import deleted, rebuild
from logpost_web.store.disk import file_system
from logpost_web.store.errors import QueryError
from logpost_web.store.store import Store

RESERVE_BYTES = 16 * 1024 * 1024
"""Left free on the store's disk when files are written again."""

log = logging.getLogger("deletion")


class LacksRowsError(QueryError):
    """Its text repeats nothing of a query."""


class Erasing:
    """For one thread, in which rows are also dropped and counted. Where the store fails, a deletion says why, and is
    tried again a few times; those behind it go on. Methods raise OSError where the book cannot be written."""

    def __init__(self, store: Store, book: Book) -> None:
        self._store = store
        self._book = book
        self.lacks_rows = False
        """Rows that were hidden may come back: the store is to be compared with what it should have."""

    def accept(self, deletion: Deletion, now_ms: int) -> None:
        """What was matched under its id is to go: no statement sees it when this returns, unless it is `waiting`.
        Nothing has happened when this raises OSError."""
        deletion.begin_try()
        deletion.is_recorded = not deletion.matched  # other stores need not know
        self._book.put(deletion)
        # Who asked and how much it was; never what for.
        log.info("deletion %s: %d rows are to go, asked for by %s", deletion.id, deletion.matched, deletion.who)
        try:
            self._work(deletion, self._hide, now_ms)
        except OSError as error:
            # It is accepted. What could not be written down is found out again.
            deletion.reason = f"how far it is cannot be written down: {error.strerror}"
            log.error("deletion %s: %s", deletion.id, deletion.reason)

    def begin(self, now_ms: int) -> None:
        """To be called once: what the last process left under way counts as a try of it. Raises QueryError."""
        deleted.end_hidings(self._store)  # they are begun again, and their tries counted
        for one in self._book.all():
            if one.may_be_begun_again:
                one.begin_again()
            removals = deleted.removals(self._store, one.units) if one.is_open and one.units else []
            if removals and not self._begin_try(one, now_ms):
                for removal in removals:
                    deleted.end_removal(self._store, removal)

    def settle(self, now_ms: int) -> None:
        """Hide again what of them is seen: a copy of older rows was put back. To be called before rows are counted.
        Raises QueryError."""
        for one in self._book.all():
            if one.is_open and not one.is_counted_out:
                self._attempt(one, self._count_out, now_ms)
        counted = deleted.counted(self._store)
        for one in self._book.all():
            # An older copy may have what was given back.
            if one.owes or (not one.holds and one.id in counted):
                self._give_back(one, now_ms)
        holding = [one for one in self._book.all() if one.holds and one.is_counted_out and one.reason != KILLED_HIDING]
        if deleted.to_hide(self._store, [one.id for one in holding]):
            for one in holding:
                if deleted.to_hide(self._store, [one.id]):
                    if one.state != "waiting":  # whose tries count on
                        one.begin_again()
                    self._attempt(one, self._hide, now_ms)

    def adopt(self, now_ms: int) -> None:
        """What the store counts as deleted, and files have, is to go, also if no book knows it: the book was lost
        before the topic had it, or it is of a copy of another store. To be called when the topic was read. Raises
        QueryError."""
        counted = deleted.counted(self._store)
        unknown = counted.keys() - {one.id for one in self._book.all()}
        for one in sorted(unknown) if deleted.on_disk(self._store, unknown) else ():
            if units := deleted.on_disk(self._store, [one]):
                log.warning("deletion %s, which nobody knows any more, has rows in files: it goes on", one)
                found = Deletion(id=one, created_ms=now_ms, who="unknown", matched=counted[one], places=counted[one])
                self._book.put(msgspec.structs.replace(found, is_counted_out=True, units=units))

    def step(self, now_ms: int) -> bool:
        """Go on with those that are under way; whether one is further, and may be taken further at once."""
        is_further = False
        for one in self._book.all():
            if now_ms < one.retry_ms or one.is_over:
                continue
            before = msgspec.structs.replace(one)
            self._go_on(one, now_ms)
            is_further |= (one.state, one.units, one.tries) != (before.state, before.units, before.tries)
        return is_further

    def _go_on(self, deletion: Deletion, now_ms: int) -> None:
        if deletion.owes:
            self._give_back(deletion, now_ms)
        elif deletion.state == "waiting":
            self._attempt(deletion, self._hide, now_ms)
        elif deletion.state == "running" and deletion.units:
            self._remove(deletion, now_ms)
        elif deletion.state == "running" and deletion.is_recorded:
            self._finish(deletion, now_ms)

    def cancel(self, deletion: Deletion, now_ms: int) -> Deletion:
        """As it is then: its rows come back, as far as a topic has them. Nothing has happened when this raises
        OSError."""
        cancelled = msgspec.structs.replace(deletion, is_recorded=False, is_given_back=False, units=[])
        cancelled.end("cancelled", now_ms)
        self._book.put(cancelled)
        log.info("deletion %s is cancelled", cancelled.id)
        with contextlib.suppress(OSError):  # the next start gives back once more
            self._give_back(cancelled, now_ms)
        return cancelled

    def _give_back(self, deletion: Deletion, now_ms: int) -> None:
        """Tried until it works: who cancelled it, or was told that it failed, counts on it."""
        try:
            deleted.forget(self._store, deletion.id)
            deleted.forget_matched(self._store, deletion.id)
        except QueryError as error:
            deletion.tries += 1
            deletion.wait(deletion.reason or "its lines are not back yet: the store failed", now_ms)
            log.error("deletion %s: its lines are not given back yet: %s", deletion.id, _why(error))
        else:
            deletion.is_given_back = self.lacks_rows = True
            deletion.tries = deletion.retry_ms = 0
            if deletion.state == "cancelled":
                deletion.reason = ""
        self._book.save()

    def _attempt(self, deletion: Deletion, step: Callable[[Deletion], None], now_ms: int) -> None:
        """A step of which nothing is left to wait for when it returns."""
        if self._begin_try(deletion, now_ms):
            self._work(deletion, step, now_ms)

    def _work(self, deletion: Deletion, step: Callable[[Deletion], None], now_ms: int) -> None:
        try:
            step(deletion)
        except QueryError as error:
            self._failed(deletion, error, now_ms)
        else:
            deletion.worked()
            self._book.save()

    def _begin_try(self, deletion: Deletion, now_ms: int) -> bool:
        """False where that was tried often enough. It is written down before: the process may end in it."""
        if not deletion.begin_try():
            deletion.was_killed(now_ms)
            self._ended(deletion, now_ms)
            return False
        try:
            self._book.save()
        except OSError:
            deletion.tries -= 1
            raise
        return True

    def _failed(self, deletion: Deletion, error: QueryError, now_ms: int) -> None:
        deletion.failed(_why(error), now_ms)
        log.error("deletion %s, try %d: %s", deletion.id, deletion.tries or TRIES, deletion.reason)
        self._ended(deletion, now_ms)

    def _ended(self, deletion: Deletion, now_ms: int) -> None:
        if deletion.owes:
            self._give_back(deletion, now_ms)
        else:
            self._book.save()

    def _count_out(self, deletion: Deletion) -> None:
        if deletion.is_counted_out:
            return
        rows, places = deleted.matched_rows(self._store, deletion.id)
        if rows < deletion.matched:
            raise LacksRowsError("what was counted is gone")
        deleted.take(self._store, deletion.id)
        if deleted.counted(self._store).get(deletion.id, 0) < places:
            raise LacksRowsError("the store did not keep what is to go")
        deletion.is_counted_out, deletion.places = True, places
        self._book.save()
        deleted.forget_matched(self._store, deletion.id)

    def _hide(self, deletion: Deletion) -> None:
        self._count_out(deletion)
        while hidings := deleted.to_hide(self._store, [deletion.id]):
            deletion.units = sorted({*deletion.units, *(one.unit for one in hidings)})
            self._book.save()
            for one in hidings:
                deleted.hide(self._store, [deletion.id], one)
        deletion.state, deletion.is_hidden = "running", True
        deletion.parts = sum(deleted.masked_parts(self._store, deletion.units).values())
        deletion.parts_done = 0

    def _remove(self, deletion: Deletion, now_ms: int) -> None:
        """One table partition after the other, each in the background."""
        try:
            masked = deleted.masked_parts(self._store, deletion.units)
            deletion.parts_done = max(deletion.parts - sum(masked.values()), 0)
            left = [unit for unit in deletion.units if unit in masked]
            if left != deletion.units:
                deletion.units = left
                deletion.worked()
                self._book.save()
            if left:
                self._remove_from(deletion, now_ms)
        except QueryError as error:
            self._failed(deletion, error, now_ms)

    def _remove_from(self, deletion: Deletion, now_ms: int) -> None:
        removals = deleted.removals(self._store, deletion.units)
        for removal in removals:
            if removal.why:
                deleted.end_removal(self._store, removal)
                raise QueryError(removal.why)
        if not removals and (unit := self._with_room(deletion)) and self._begin_try(deletion, now_ms):
            deleted.begin_removal(self._store, unit)

    def _finish(self, deletion: Deletion, now_ms: int) -> None:
        try:
            if rebuild.is_running(self._store):
                return  # the rows of before are on the disk, with those that are hidden
        except QueryError as error:
            self._failed(deletion, error, now_ms)
            return
        self._attempt(deletion, self._look_at_disk, now_ms)
        if deletion.state == "running" and not deletion.units and not deletion.tries:
            deletion.end("done", now_ms)
            self._book.save()
            log.info("deletion %s: its %d rows are gone from the disk", deletion.id, deletion.matched)

    def _look_at_disk(self, deletion: Deletion) -> None:
        """Files with its rows may be there that nobody wrote down: the book was lost, or parts were put back."""
        deletion.units = deleted.on_disk(self._store, [deletion.id])
        lacks = (deletion.places or deletion.matched) - deleted.counted(self._store).get(deletion.id, 0)
        if lacks > 0 and not deletion.units:
            raise LacksRowsError(f"where {lacks:,} of its lines stood is not known any more")
        if deletion.units:
            self._hide(deletion)

    def _with_room(self, deletion: Deletion) -> str:
        """The first table partition that there is room for to write it again; empty where it waits for that."""
        sizes = deleted.sizes(self._store, deletion.units)
        lacks = {unit: lacking_bytes(self._store, sizes.get(unit, 0)) for unit in deletion.units}
        fitting = next((unit for unit, lacking in lacks.items() if not lacking), "")
        least = min(lacks.values())
        needs = f"its rows are hidden; to remove them from the disk needs {least:,} more free bytes there"
        deletion.reason = "" if fitting else needs
        return fitting


def _why(error: QueryError) -> str:
    """The engine's own words may repeat what was searched."""
    if isinstance(error, LacksRowsError):
        return str(error)
    return f"ClickHouse's error {error.code}" if error.code else "the store failed"


def lacking_bytes(store: Store, needed: int) -> int:
    """What the store's disk lacks to write `needed` bytes; 0 for a server's. Raises QueryError."""
    if not store.is_embedded or not needed:
        return 0
    try:
        return max(needed + RESERVE_BYTES - file_system(store.place).free, 0)
    except OSError as error:
        raise QueryError(f"cannot look at the store's disk: {error.strerror}") from error
