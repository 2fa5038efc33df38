"""Damage of the store while it is open: noticed, set aside, and said, so that what is lacking is read again.

The engine says nothing of a directory that vanished, and answers from memory as long as it can. Of a damaged part it
speaks in the errors of what meets it: a search, an insert, its own merges.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from logpost_web.indexer import metrics
from logpost_web.store.damage import names_no_part, part_in
from logpost_web.store.parts import (
    broken_aside,
    drop_aside,
    met_in_errors,
    parts,
    set_aside,
    unsound,
    vanished,
)
from logpost_web.store.store import Store

LOOK_SECONDS = 5.0
"""How often parts and the engine's errors are looked at; the directory and failed statements at once."""

COMMANDS = "`logpost store check` reads all of the store, `logpost store rebuild` fills it again"
NAMED = 5
"""Of more parts that are damaged so many are named in one line."""

log = logging.getLogger("indexer")


class Mending:
    """For one thread. Methods raise QueryError, and StartError when a store that vanished cannot be made again."""

    def __init__(self, store: Store, say: Callable[[str], None]) -> None:
        """`say` is called with what was found, before it is mended."""
        self._store = store
        self._say = say
        self._seen: dict[int, int] = {}
        self._looked_at = float("-inf")
        self._unchecked: list[str] = []
        """Parts that may be damaged; one is read at a time, so that indexing goes on."""

    def mend(self, now: float) -> bool:
        """Whether something was found: then compare the store with its manifest. `now`: seconds of a clock
        that never goes back."""
        if not self._store.is_embedded:
            return False
        if not self._store.is_there():
            metrics.DAMAGE.labels("directory").inc()
            self._say("the directory of the store was removed")
            log.error(
                "the directory of the store %s was removed: making it again, and filling it from the topics (%s)",
                self._store.description,
                COMMANDS,
            )
            self._store.open_again()
            return True
        messages = self._store.take_suspects()
        names = set()
        if now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            messages += met_in_errors(self._store, self._seen)
            names = {part.name for part in vanished(self._store)}
        names |= {part for message in messages if (part := part_in(message))}
        if not self._unchecked and any(names_no_part(message) for message in messages):
            log.warning("a part of the store is damaged, and the engine does not say which: reading all of them")
            self._unchecked = [part.name for part in parts(self._store)]
        if self._unchecked:
            names.add(self._unchecked.pop())
        return self._set_aside(names)

    def _set_aside(self, names: set[str]) -> bool:
        """Those of the named parts that are damaged."""
        found = list(unsound(self._store, names)) if names else []
        if found:
            self._say("parts of the store are damaged")
        for part, reason in found:
            metrics.DAMAGE.labels("part").inc()
            log.error(
                "the part %s of %s is damaged, its %d rows are set aside: %s (%s)",
                part.name,
                part.table,
                part.rows,
                reason,
                COMMANDS,
            )
            set_aside(self._store, part)
        return bool(found)

    def say_broken(self) -> None:
        """Name the parts that the engine set aside when it opened the store."""
        found = broken_aside(self._store)
        metrics.DAMAGE.labels("part").inc(len(found))
        for table in sorted({table for table, _ in found}):
            names = [name for of_table, name in found if of_table == table]
            more = ", …" if len(names) > NAMED else ""
            log.error(
                "%d parts of %s are damaged and set aside; what the topics have of their rows is read again: %s%s (%s)",
                len(names),
                table,
                ", ".join(names[:NAMED]),
                more,
                COMMANDS,
            )

    def clear(self) -> None:
        """Remove the parts that were set aside: their rows are back."""
        if not self._store.is_embedded:
            return
        for table, name in broken_aside(self._store):
            drop_aside(self._store, table, name)
