"""What the store needs beside the rows that come: damage mended, rows dropped that are due, moved or deleted for good,
and what other threads want done. Between blocks, in the indexer's thread."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Container, Iterator

from logpost.config import Config
from logpost.systemd.notices import Loop
from logpost_web.indexer.account import Account
from logpost_web.indexer.deleting import Deleting
from logpost_web.indexer.errands import Errands
from logpost_web.indexer.mending import Mending
from logpost_web.indexer.moving import Moving
from logpost_web.indexer.rebuilding import Freeing
from logpost_web.indexer.retaining import Retaining
from logpost_web.indexer.source import Source
from logpost_web.indexer.topic_room import TopicRoom
from logpost_web.indexer.tries import CALL_SECONDS
from logpost_web.store import rebuild
from logpost_web.store.errors import QueryError
from logpost_web.store.store import Store

log = logging.getLogger("indexer")


class Upkeep:
    """Used by the indexer's thread; its parts say what of them any thread may use."""

    def __init__(
        self,
        config: Config,
        store: Store,
        account: Account,
        source: Source,
        loop: Loop,
        on_damage: Callable[[str], None],
    ) -> None:
        """`loop`: who is told of its turns. `on_damage` is called with what was found, before it is mended."""
        self._store = store
        self._loop = loop
        self.mending = Mending(store, on_damage)
        self.retaining = Retaining(config.store, store, account)
        self.retaining.topics = TopicRoom(config, source)
        self.deleting = Deleting(store, config.kafka, source.topics)
        self.moving = Moving(store, time.monotonic)
        self._freeing = Freeing(store, time.monotonic)
        self.errands = Errands()
        self.is_mended = False
        """Rows may be missing that nobody has counted yet: the store must be compared with what it should have."""
        self.is_rebuilding = False

    @contextlib.contextmanager
    def _call(self) -> Iterator[None]:
        """One that may take long."""
        self._loop.turned(CALL_SECONDS)
        yield
        self._loop.turned()

    def mend(self) -> None:
        """Look for damage of the store; if there is any, it is soon compared with what it should have."""
        with self._call():
            try:
                self.is_mended |= self.mending.mend(time.monotonic())
            except QueryError as error:
                log.warning("cannot look at the store: %s", error)

    def retain(self, spared: Callable[[], Container[tuple[int, int]]]) -> None:
        """Drop what is due, but nothing of the classes and units `spared`."""
        with self._call():
            now, wall_ms = time.clock_gettime(time.CLOCK_BOOTTIME), time.time_ns() // 1_000_000
            self.retaining.look(now, wall_ms, spared)

    def move(self) -> None:
        """Bring rows of an older release's layout to this one's. After retention: what went need not be moved."""
        with self._call():
            self.moving.step()
            if self.is_rebuilding:
                self._freeing.step()

    def run_errands(self) -> None:
        """Do what other threads want done between two blocks."""
        with self._call():
            self.is_mended |= self.errands.run()

    def delete(self, *, is_away: bool) -> None:
        """Hide and remove what somebody wants deleted for good. `is_away`: the broker is."""
        with self._call():
            self.is_mended |= self.deleting.look(time.clock_gettime(time.CLOCK_BOOTTIME), is_away=is_away)

    def look_for_rebuild(self) -> None:
        """Raises QueryError."""
        self.is_rebuilding = rebuild.is_running(self._store)
