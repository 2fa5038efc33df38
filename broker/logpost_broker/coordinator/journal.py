"""A coordinator's state as a log: events into an internal topic, and back at the start.

Bounded: after every `snapshot_bytes` the whole state is written again, and when that is on the disk, what lies before
it is dropped. A crash between any two of these steps costs nothing, because the state written again and the records
before it, replayed together, give the same state. A large state is written in steps, between which others are served:
of what is journaled meanwhile the older value is left out, so that the newest record of each key is always right.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from logpost_broker.errors import ApiError
from logpost_broker.log.batch import CONTROL, TRANSACTIONAL, BatchHeader
from logpost_broker.log.records import Record
from logpost_broker.partitions.internal_log import InternalLog
from logpost_broker.partitions.partitions import Partitions

SNAPSHOT_BYTES = 16 * 1024 * 1024
"""How much may be journaled until the state is written again."""
EVENTS_PER_WRITE = 250
"""Of a state that is written again: 3 ms."""
EVENTS_PER_STEP = 10_000
"""Of a replay: half a second."""
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

    def key(self, event: E) -> bytes | None:
        """Of its record, where only the newest of each key counts, in any order among the others; None for an event
        whose place among the others counts. If a state has some of those, one is the last of it."""


@dataclass(slots=True)
class _Rewriting(Generic[E]):
    """A state that is being written again."""

    log: InternalLog
    start: int
    """What lies before is dropped in the end."""
    size_before: int
    events: Sequence[E]
    """As it was at the beginning."""
    done: int = 0
    size_bytes: int = 0
    overtaken: set[bytes | None] = field(default_factory=set)
    """Keys of what was journaled since."""


class Journal(Generic[E]):
    def __init__(
        self, partitions: Partitions, form: JournalFormat[E], snapshot: Callable[[], Sequence[E]], snapshot_bytes: int
    ) -> None:
        """`snapshot` returns the whole state as events. The topic is created by the first append."""
        self._partitions = partitions
        self._format = form
        self._snapshot = snapshot
        self._snapshot_bytes = snapshot_bytes
        self._log: InternalLog | None = None
        self._bytes_since_snapshot = 0
        self._rewriting: _Rewriting[E] | None = None
        self.state_bytes = 0
        """Of the state when it was last written as a whole."""
        self.durable: asyncio.Future[None] | None = None
        """Done when everything appended so far is durable; raises ApiError when that failed. None before the first."""

    def replay(self) -> Iterator[E]:
        """The events that make up the state. A record that cannot be read is reported and left out."""
        self._log = self._partitions.find_internal_log(self._format.topic)
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
        for number, (header, record) in enumerate(newest.values()):
            if number % EVENTS_PER_STEP == 0:
                self._partitions.advance()
            try:
                yield self._format.read(header, record)
            except ValueError as error:
                logger.error("%s offset %d is left out: %s", self._format.topic, record.offset, error)

    def append(self, events: Sequence[E], batch: bytes | None = None) -> None:
        """Write the events; `durable` tells when they are safe. `batch`: they are encoded already. Raises ApiError when
        they cannot be written, and then none is."""
        keys = [] if self._rewriting is None else [self._format.key(event) for event in events]
        if None in keys:
            self._rewrite_rest()
        if self._log is None:
            self._log = self._partitions.open_internal_log(self._format.topic)
        self._write(self._log, events, batch)
        if self._rewriting is not None:
            self._rewriting.overtaken.update(keys)

    def _write(self, log: InternalLog, events: Sequence[E], batch: bytes | None = None) -> None:
        size_before = log.size_bytes
        self.durable = self._format.write(log, events) if batch is None else log.append_batch(batch)
        self._bytes_since_snapshot += log.size_bytes - size_before
        self.durable.add_done_callback(self._report)

    @property
    def is_full(self) -> bool:
        return self.state_bytes > MAX_STATE_BYTES

    def snapshot_if_due(self) -> None:
        """Write the state again when enough was journaled since the last time, and drop what lies before it. A large
        state in steps."""
        log = self._log
        # A large state is written again less often: else most of what is written would be that.
        due_bytes = max(self._snapshot_bytes, self.state_bytes)
        if log is None or self._rewriting is not None or self._bytes_since_snapshot < due_bytes:
            return
        events = self._snapshot()
        self._rewriting = _Rewriting(log, log.next_offset, log.size_bytes, events)
        if len(events) > EVENTS_PER_WRITE and self._format.key(events[-1]) is not None:
            self._partitions.turns.stand_in_line(self._take_turn)
        else:
            self._rewrite_rest()

    def _take_turn(self) -> None:
        self._rewrite_some()
        if self._rewriting is not None:
            self._partitions.turns.stand_in_line(self._take_turn)

    def _rewrite_rest(self) -> None:
        while self._rewriting is not None:
            self._rewrite_some()

    def _rewrite_some(self) -> None:
        """Those of the next events that still hold: what was journaled meanwhile stands for itself."""
        rewriting = self._rewriting
        if rewriting is None:
            return
        events = rewriting.events[rewriting.done : rewriting.done + EVENTS_PER_WRITE]
        rewriting.done += EVENTS_PER_WRITE
        if rewriting.overtaken:
            events = [event for event in events if self._format.key(event) not in rewriting.overtaken]
        size_before = rewriting.log.size_bytes
        try:
            if events:
                self._write(rewriting.log, events)
        except ApiError as error:
            logger.error(
                "the state in %s, %d records, cannot be written again: %s",
                self._format.topic,
                len(rewriting.events),
                error,
            )
            self._rewriting = None
            return
        rewriting.size_bytes += rewriting.log.size_bytes - size_before
        if rewriting.done >= len(rewriting.events):
            self._end(rewriting)

    def _end(self, rewriting: _Rewriting[E]) -> None:
        self._rewriting = None
        log, start = rewriting.log, rewriting.start
        self.state_bytes = rewriting.size_bytes
        self._bytes_since_snapshot = log.size_bytes - rewriting.size_before - rewriting.size_bytes
        if self.is_full:
            logger.error(
                "the state in %s takes %d bytes, more than %d: nothing new is taken until others have gone",
                self._format.topic,
                self.state_bytes,
                MAX_STATE_BYTES,
            )
        # Not when clients may be told of it: that is before a sync, where `broker.flush` is not "commit".
        log.synced().add_done_callback(lambda done: self._drop_before(log, start, done))

    def stop(self) -> None:
        """A state that is being written again is so after the next start: what lies before it is there still."""
        self._rewriting = None

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
