"""Calls to the store and the broker, tried until they work."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from confluent_kafka import KafkaException

from logpost_web.indexer import metrics
from logpost_web.store.errors import QueryError

RETRY_SECONDS = 1.0

log = logging.getLogger("indexer")


class Tries:
    """Of the indexer's thread. Nothing is committed between two tries, so nothing is lost."""

    def __init__(self, stopping: threading.Event, mend: Callable[[], None], pause: Callable[[str], None]) -> None:
        """`mend` is called after each failure, `pause` with the reason of the first that is the store's."""
        self._stopping = stopping
        self._mend = mend
        self._pause = pause
        self._is_failing = False

    def until_done(self, call: Callable[[], None]) -> bool:
        """Try until it works; False when it is time to stop before."""
        while True:
            try:
                call()
            except (QueryError, KafkaException) as error:
                self._failed(error)
                if self._stopping.wait(RETRY_SECONDS):
                    return False
            else:
                if self._is_failing:
                    log.info("it works again")
                self._is_failing = False
                return True

    def _failed(self, error: QueryError | KafkaException) -> None:
        metrics.FAILURES.inc()
        self._mend()
        if not self._is_failing:
            log.error("trying again every %g s: %s", RETRY_SECONDS, error)
            if isinstance(error, QueryError):
                self._pause(f"the store fails: {error}")
        self._is_failing = True
