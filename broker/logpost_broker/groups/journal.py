"""The groups' state as a log: events into `__consumer_offsets`, and back at the start.

Bounded: after every `SNAPSHOT_BYTES` the whole state is written again, and when that is durable, what lies before it
is dropped. A crash between any two of these steps costs nothing, because the state written again and the records
before it, replayed together, give the same state.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence

from logpost_broker.errors import ApiError
from logpost_broker.groups.events import Event
from logpost_broker.groups.records import from_record, to_record
from logpost_broker.node import InternalLog, Node

CONSUMER_OFFSETS = "__consumer_offsets"
SNAPSHOT_BYTES = 16 * 1024 * 1024
"""How much may be journaled until the state is written again."""
EVENTS_PER_BATCH = 1_000

logger = logging.getLogger("broker")


class Journal:
    def __init__(self, node: Node, snapshot: Callable[[], list[Event]], snapshot_bytes: int) -> None:
        """`snapshot` answers the whole state as events. The topic is created by the first append."""
        self._node = node
        self._snapshot = snapshot
        self._snapshot_bytes = snapshot_bytes
        self._log: InternalLog | None = None
        self._size_after_snapshot = 0
        self.durable: asyncio.Future[None] | None = None
        """Done when everything appended so far is durable; raises ApiError when that failed. None before the first."""

    def replay(self) -> Iterator[Event]:
        """The events that make up the state. A record that cannot be read is reported and left out."""
        self._log = self._node.find_internal_log(CONSUMER_OFFSETS)
        if self._log is None:
            return
        # As in any compacted topic, the newest record of a key stands for all of them.
        newest = {record.key: record for record in self._log.records()}
        for record in newest.values():
            try:
                yield from_record(record.key or b"", record.value)
            except ValueError as error:
                logger.error("%s offset %d is left out: %s", CONSUMER_OFFSETS, record.offset, error)

    def append(self, events: Sequence[Event]) -> None:
        """Write the events as one batch; `durable` tells when they are safe. Raises ApiError when they cannot be
        written, and then none is."""
        if self._log is None:
            self._log = self._node.open_internal_log(CONSUMER_OFFSETS)
        self._write(self._log, events)

    def _write(self, log: InternalLog, events: Sequence[Event]) -> None:
        self.durable = log.append([to_record(event) for event in events])
        self.durable.add_done_callback(_report)

    def snapshot_if_due(self) -> None:
        """Write the state again when enough was journaled since the last time, and drop what lies before it."""
        log = self._log
        if log is None or log.size_bytes - self._size_after_snapshot < self._snapshot_bytes:
            return
        start = log.next_offset
        events = self._snapshot()
        try:
            for first in range(0, len(events), EVENTS_PER_BATCH):
                self._write(log, events[first : first + EVENTS_PER_BATCH])
        except ApiError as error:
            logger.error("the state of %d groups and offsets cannot be written again: %s", len(events), error)
            return
        self._size_after_snapshot = log.size_bytes
        if self.durable is not None:
            self.durable.add_done_callback(lambda done: self._drop_before(log, start, done))

    @staticmethod
    def _drop_before(log: InternalLog, offset: int, done: asyncio.Future[None]) -> None:
        if done.exception() is not None:
            return
        try:
            log.truncate_prefix(offset)
        except OSError as error:
            logger.error("cannot drop what %s holds twice: %s", CONSUMER_OFFSETS, error.strerror)


def _report(done: asyncio.Future[None]) -> None:
    error = done.exception()
    if error is not None:
        logger.error("%s is not durable: %s", CONSUMER_OFFSETS, error)
