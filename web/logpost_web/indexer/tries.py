"""Calls to the store and the broker, tried until they work."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from confluent_kafka import KafkaException

from logpost.said_once import SaidOnce
from logpost.systemd.notices import Loop
from logpost_web.indexer import metrics
from logpost_web.store.errors import QueryError

RETRY_SECONDS = 1.0
CALL_SECONDS = 1800.0
"""How long a call may take before the indexer is taken for hung: to compare or copy a large store takes minutes."""

log = logging.getLogger("indexer")


class Tries:
    """Of the indexer's thread. Nothing is committed between two tries, so nothing is lost."""

    def __init__(
        self,
        stopping: threading.Event,
        mend: Callable[[], None],
        explained: Callable[[QueryError], str],
        pause: Callable[[str], None],
        loop: Loop,
    ) -> None:
        """`mend` is called after each failure, `pause` with the reason of each that is the store's, as `explained` says
        it. `loop`: whose turns a try and a wait are."""
        self._stopping = stopping
        self._mend = mend
        self._explained = explained
        self._pause = pause
        self._loop = loop
        self._said = SaidOnce(log)

    def until_done(self, call: Callable[[], None]) -> bool:
        """Try until it works; False when it is time to stop before."""
        while True:
            self._loop.turned(CALL_SECONDS)
            try:
                call()
            except (QueryError, KafkaException) as error:
                self._failed(error)
                if self._stopping.wait(RETRY_SECONDS):
                    return False
            else:
                if self._said.over("failure"):
                    log.info("it works again")
                self._loop.turned()
                return True

    def _failed(self, error: QueryError | KafkaException) -> None:
        metrics.FAILURES.inc()
        self._mend()
        reason = self._explained(error) if isinstance(error, QueryError) else error
        self._said.error("failure", "trying again every %g s: %s", RETRY_SECONDS, reason)
        if isinstance(error, QueryError):
            self._pause(f"the store fails: {reason}")
