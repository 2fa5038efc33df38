"""A coordinator's state as a log: events into an internal topic, and back at the start.

Bounded: after every `snapshot_bytes` the whole state is written again, and when that is durable, what lies before it
is dropped. A crash between any two of these steps costs nothing, because the state written again and the records
before it, replayed together, give the same state.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, Protocol, TypeVar

from logpost_broker.errors import ApiError
from logpost_broker.log.batch import CONTROL, TRANSACTIONAL, BatchHeader
from logpost_broker.log.records import Record
from logpost_broker.node import InternalLog, Node

SNAPSHOT_BYTES = 16 * 1024 * 1024
"""How much may be journaled until the state is written again."""
EVENTS_PER_WRITE = 1_000
MAX_STATE_BYTES = 64 * 1024 * 1024
"""What the state of a coordinator may take in its journal; in memory it is some times that. Above it nothing new is
taken, and what is there goes on."""

E = TypeVar("E")
logger = logging.getLogger("broker")


class JournalFormat(Protocol[E]):
    """How the events of a coordinator stand in its topic."""

    topic: str

    def write(self, log: InternalLog, events: Sequence[E]) -> asyncio.Future[None]:
        """Append them in this order; done when they are durable. Raises ApiError."""

    def read(self, header: BatchHeader, record: Record) -> E:
        """Raises ValueError for what is no such record."""


class Journal(Generic[E]):
    def __init__(
        self, node: Node, form: JournalFormat[E], snapshot: Callable[[], Sequence[E]], snapshot_bytes: int
    ) -> None:
        """`snapshot` answers the whole state as events. The topic is created by the first append."""
        self._node = node
        self._format = form
        self._snapshot = snapshot
        self._snapshot_bytes = snapshot_bytes
        self._log: InternalLog | None = None
        self._bytes_since_snapshot = 0
        self.state_bytes = 0
        """Of the state when it was last written as a whole."""
        self.durable: asyncio.Future[None] | None = None
        """Done when everything appended so far is durable; raises ApiError when that failed. None before the first."""

    def replay(self) -> Iterator[E]:
        """The events that make up the state. A record that cannot be read is reported and left out."""
        self._log = self._node.find_internal_log(self._format.topic)
        if self._log is None:
            return
        self._bytes_since_snapshot = self._log.size_bytes
        # As in any compacted topic, the newest record of a key stands for all of them; except for what only counts when
        # its transaction is committed.
        newest: dict[bytes | int | None, tuple[BatchHeader, Record]] = {}
        for header, record in self._log.records():
            is_plain = not header.attributes & (TRANSACTIONAL | CONTROL)
            key = record.key if is_plain else record.offset
            newest.pop(key, None)
            newest[key] = header, record
        for header, record in newest.values():
            try:
                yield self._format.read(header, record)
            except ValueError as error:
                logger.error("%s offset %d is left out: %s", self._format.topic, record.offset, error)

    def append(self, events: Sequence[E]) -> None:
        """Write the events; `durable` tells when they are safe. Raises ApiError when they cannot be written, and then
        none is."""
        if self._log is None:
            self._log = self._node.open_internal_log(self._format.topic)
        self._write(self._log, events)

    def _write(self, log: InternalLog, events: Sequence[E]) -> None:
        size_before = log.size_bytes
        self.durable = self._format.write(log, events)
        self._bytes_since_snapshot += log.size_bytes - size_before
        self.durable.add_done_callback(self._report)

    @property
    def is_full(self) -> bool:
        return self.state_bytes > MAX_STATE_BYTES

    def snapshot_if_due(self) -> None:
        """Write the state again when enough was journaled since the last time, and drop what lies before it."""
        log = self._log
        # A large state is written again less often: else most of what is written would be that.
        if log is None or self._bytes_since_snapshot < max(self._snapshot_bytes, self.state_bytes):
            return
        start, size_before = log.next_offset, log.size_bytes
        events = self._snapshot()
        try:
            for first in range(0, len(events), EVENTS_PER_WRITE):
                self._write(log, events[first : first + EVENTS_PER_WRITE])
        except ApiError as error:
            logger.error(
                "the state in %s, %d records, cannot be written again: %s", self._format.topic, len(events), error
            )
            return
        self._bytes_since_snapshot = 0
        self.state_bytes = log.size_bytes - size_before
        if self.is_full:
            logger.error(
                "the state in %s takes %d bytes, more than %d: nothing new is taken until others have gone",
                self._format.topic,
                self.state_bytes,
                MAX_STATE_BYTES,
            )
        if self.durable is not None:
            self.durable.add_done_callback(lambda done: self._drop_before(log, start, done))

    def _drop_before(self, log: InternalLog, offset: int, done: asyncio.Future[None]) -> None:
        if done.exception() is not None:
            return
        try:
            log.truncate_prefix(offset)
        except ApiError as error:
            logger.error("cannot drop what %s holds twice: %s", self._format.topic, error)

    def _report(self, done: asyncio.Future[None]) -> None:
        error = done.exception()
        if error is not None:
            logger.error("%s is not durable: %s", self._format.topic, error)
