"""Fetch sessions (KIP-227): the broker keeps what a consumer fetches, so that requests and answers name changes only.

The pure core of `api/fetch.py`: which sessions there are, what is in them, and what to tell a client. Times are
in milliseconds. A session belongs to the client that knows its id and its next epoch, not to a connection.
"""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from kio.schema.errors import ErrorCode
from kio.schema.fetch.v18.request import FetchPartition
from kio.schema.fetch.v18.response import PartitionData

from logpost_broker.errors import ApiError
from logpost_broker.log.partition_log import PartitionLog

SLOTS = 1000
"""Kafka's `max.incremental.fetch.session.cache.slots`."""
EVICTION_MS = 120_000
"""Kafka's `min.incremental.fetch.session.eviction.ms`: how long a session keeps its slot."""
MAX_PARTITIONS = 500_000
"""In all sessions together; each takes half a kilobyte."""
NO_SESSION = 0
INITIAL_EPOCH, FINAL_EPOCH = 0, -1
"""Of full requests: the first of a new session, and one without a session."""
FIRST_EPOCH = 1
MAX_INT = 2**31 - 1
NOT_TOLD = -1

Key = tuple[uuid.UUID | None, int]
"""A topic's id and a partition."""


@dataclass(slots=True)
class FetchedPartition:
    """What a client asks of a partition, and what it was last told."""

    topic_id: uuid.UUID | None
    asked: FetchPartition
    high_watermark: int = NOT_TOLD
    log_start_offset: int = NOT_TOLD
    quiet_log: PartitionLog | None = None
    """The log, if it had nothing from `asked.fetch_offset` on when `high_watermark` was told."""

    def is_quiet(self) -> bool:
        """Nothing changed since the log was read for the last time: it need not be read."""
        log = self.quiet_log
        return (
            log is not None
            and log.high_watermark == self.high_watermark
            and log.log_start_offset == self.log_start_offset
            and log.offline is None
        )

    def ask(self, asked: FetchPartition) -> None:
        self.asked = asked
        self.quiet_log = None

    def is_news(self, found: PartitionData) -> bool:
        """Whether to tell the client of what was found; it counts as told. After an error it is told again."""
        failed = found.error_code is not ErrorCode.none
        same = (self.high_watermark, self.log_start_offset) == (found.high_watermark, found.log_start_offset)
        self.high_watermark = NOT_TOLD if failed else int(found.high_watermark)
        self.log_start_offset = int(found.log_start_offset)
        return failed or not same or bool(found.records) or found.diverging_epoch.epoch >= 0


@dataclass(slots=True)
class FetchSession:
    id: int
    by_topic_id: bool
    """Its client names topics by their ids (version 13 and later)."""
    created_ms: int
    used_ms: int
    epoch: int = FIRST_EPOCH
    """Of the next request."""
    partitions: dict[Key, FetchedPartition] = field(default_factory=dict)
    """In the order in which they are read."""

    def update(self, asked: Mapping[Key, FetchPartition], forgotten: Iterable[Key]) -> None:
        """A request changes what it names; what it names again is read last."""
        for key, partition in asked.items():
            known = self.partitions.get(key)
            if known is None:
                self.partitions[key] = FetchedPartition(key[0], partition)
            else:
                known.ask(partition)
        for key in forgotten:
            self.partitions.pop(key, None)

    def read_last(self, keys: Iterable[Key]) -> None:
        """Partitions whose records fill an answer give way to the others in the next."""
        for key in keys:
            partition = self.partitions.pop(key, None)
            if partition is not None:
                self.partitions[key] = partition


class FetchSessions:
    """At most `slots` sessions. A new one takes the place of one that nobody used for `EVICTION_MS`; or else of the
    smallest that is older than that, if it has more partitions itself; or gets none, and its client sends full requests
    on. So does one whose session would bring all of them above `max_partitions`: it gets none, or loses its own."""

    def __init__(self, random_id: Callable[[], int], slots: int = SLOTS, max_partitions: int = MAX_PARTITIONS) -> None:
        """`random_id` returns numbers from 1 to `MAX_INT`."""
        self._random_id = random_id
        self._slots = slots
        self._max_partitions = max_partitions
        self._sessions: OrderedDict[int, FetchSession] = OrderedDict()
        """The one used last is last."""

    def __len__(self) -> int:
        return len(self._sessions)

    def open(
        self, asked: Mapping[Key, FetchPartition], *, by_topic_id: bool, now_ms: int, size: int | None = None
    ) -> FetchSession | None:
        """A new session, or None where there is no room. `size`: how many partitions it is going to have, where `asked`
        are not all."""
        size = len(asked) if size is None else size
        if not asked or not self._has_slot(size, now_ms) or self._partitions + size > self._max_partitions:
            return None
        session = FetchSession(self._new_id(), by_topic_id, created_ms=now_ms, used_ms=now_ms)
        session.update(asked, ())
        self._sessions[session.id] = session
        return session

    def resume(self, session_id: int, epoch: int, *, by_topic_id: bool, now_ms: int) -> FetchSession:
        """The session of an incremental request. Raises ApiError FETCH_SESSION_ID_NOT_FOUND,
        INVALID_FETCH_SESSION_EPOCH, FETCH_SESSION_TOPIC_ID_ERROR."""
        session = self._sessions.get(session_id)
        if session is None:
            raise ApiError(ErrorCode.fetch_session_id_not_found)
        if session.epoch != epoch:
            raise ApiError(ErrorCode.invalid_fetch_session_epoch)
        if session.by_topic_id != by_topic_id:
            raise ApiError(ErrorCode.fetch_session_topic_id_error)
        session.epoch = FIRST_EPOCH if epoch == MAX_INT else epoch + 1
        session.used_ms = now_ms
        self._sessions.move_to_end(session_id)
        return session

    def update(
        self, session: FetchSession, asked: Mapping[Key, FetchPartition], forgotten: Iterable[Key]
    ) -> FetchSession:
        """What a request names changes its session, which answers this request and may be closed by it."""
        before = len(session.partitions)
        session.update(asked, forgotten)
        if len(session.partitions) > before and self._partitions > self._max_partitions:
            self.close(session.id)
        return session

    @property
    def _partitions(self) -> int:
        return sum(len(session.partitions) for session in self._sessions.values())

    def close(self, session_id: int) -> None:
        """Forget a session, if it is there."""
        self._sessions.pop(session_id, None)

    def _has_slot(self, size: int, now_ms: int) -> bool:
        if len(self._sessions) < self._slots:
            return True
        out = self._evictable(size, now_ms)
        if out is not None:
            self.close(out.id)
        return out is not None

    def _evictable(self, size: int, now_ms: int) -> FetchSession | None:
        unused = next(iter(self._sessions.values()), None)
        if unused is None or now_ms - unused.used_ms > EVICTION_MS:
            return unused
        old = (session for session in self._sessions.values() if now_ms - session.created_ms > EVICTION_MS)
        smallest = min(old, key=lambda session: len(session.partitions), default=None)
        return smallest if smallest is not None and len(smallest.partitions) < size else None

    def _new_id(self) -> int:
        while True:
            session_id = self._random_id()
            if session_id not in self._sessions:
                return session_id
