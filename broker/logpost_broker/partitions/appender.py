"""From a checked batch to its place in the log: at once where it is quick to open and to compress, else by a thread.

Each partition has a queue. A batch takes its turn in the order of arrival, so that sequences advance in that order
however long each takes to compress; one that needs no work and finds the queue empty is appended at once. Duplicates
are found before they are compressed. The bytes that wait are bounded: above `MAX_WAITING_BYTES` no connection that adds
to them is read, until half of them are written.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError, without_traces
from logpost_broker.log.batch import HEADER_BYTES, NO_PRODUCER, BatchHeader, Buffer
from logpost_broker.log.compression import NONE
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.log.produced import Rules, prepared
from logpost_broker.log.unpacking import unpacked, unpacked_at_once
from logpost_broker.metrics import BrokerMetrics
from logpost_broker.turns import Holdable, give_way

INLINE_BYTES = 16 * 1024
"""A smaller batch is compressed on the event loop: zstd-1 takes 5 to 20 µs for it, handing it to a thread and back
35 to 40 (docs/decisions/2026-11-23-zstd-1-at-rest.md)."""
INLINE_RECORDS = 2_048
INLINE_OPENED_BYTES = 2 * 1024 * 1024
"""Up to here a batch that is only opened is so on the event loop: 0.3 ms, for which a thread would stop it as well."""
MAX_WAITING_BYTES = 64 * 1024 * 1024
THREADS = max(1, min(4, os.cpu_count() or 1))


class Written(NamedTuple):
    """A batch that is in its log."""

    log: PartitionLog
    base_offset: int
    append_time_ms: int | None
    """Set where the topic is stamped with the broker's time."""


Appending = Written | asyncio.Future[Written | ApiError]


@dataclass(slots=True, eq=False)
class _Waiting:
    """A batch in the queue of its partition."""

    log: PartitionLog
    header: BatchHeader
    batch: Buffer
    rules: Rules
    now_ms: int
    """Its arrival, which is its append time where the topic is stamped."""
    answer: asyncio.Future[Written | ApiError]
    size_bytes: int
    """As it came."""
    is_ready: bool = False
    is_sent_again: bool = False
    """Behind one of the same sequence: it is not opened unless that one was refused."""
    is_stamped: bool = False
    error: Exception | None = None


class Appender:
    """All calls come from the event loop."""

    def __init__(self, metrics: BrokerMetrics, on_appended: Callable[[PartitionLog], None]) -> None:
        """`on_appended` is told of each log that was appended to after a wait."""
        self._metrics = metrics.batches
        self._on_appended = on_appended
        self._queues: dict[PartitionLog, deque[_Waiting]] = {}
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="compress")
        # What unpacks to much waits for each other here, and not before what is small.
        self._large = ThreadPoolExecutor(1, thread_name_prefix="compress-large")
        self._done: deque[_Waiting] = deque()
        self._is_collecting = False
        self._held: set[Holdable] = set()
        self.waiting_bytes = 0

    def append(
        self,
        log: PartitionLog,
        header: BatchHeader,
        batch: Buffer,
        rules: Rules,
        *,
        now_ms: int,
        connection: Holdable,
    ) -> Appending:
        """Append a batch that `check_produced` has passed; a future that it returns fails only by a bug.

        Raises ApiError: what PartitionLog.append and `prepared` raise."""
        queue = self._queues.get(log)
        if queue is None:
            log.require_online()
            if log.producers.check(header) is not None:
                return self._append(log, header, batch, rules, now_ms, rules.is_stamped)
            if _is_quick(header, rules):
                ready = self._prepared(header, batch, memoryview(batch)[HEADER_BYTES:], rules, now_ms)
                return self._append(log, header if ready is batch else None, ready, rules, now_ms, False)
            queue = self._queues[log] = deque()
        answer: asyncio.Future[Written | ApiError] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(log, header, batch, rules, now_ms, answer, len(batch))
        if any(_is_same(header, other.header) for other in queue):
            waiting.is_ready = waiting.is_sent_again = True
        else:
            self._begin(waiting)
        queue.append(waiting)
        self._waits(waiting, connection)
        return answer

    def _append(
        self, log: PartitionLog, header: BatchHeader | None, batch: Buffer, rules: Rules, now_ms: int, stamp: bool
    ) -> Written:
        appended = log.append(batch, header=header, now_ms=now_ms, stamp=stamp)
        if not appended.duplicate:
            self._metrics.written_bytes.inc(len(batch))
        return Written(log, appended.base_offset, now_ms if rules.is_stamped else None)

    def _prepared(
        self,
        header: BatchHeader,
        batch: Buffer,
        records: Buffer,
        rules: Rules,
        now_ms: int,
        give_way: Callable[[], None] | None = None,
    ) -> Buffer:
        begin = time.thread_time()
        ready = prepared(header, batch, records, rules, now_ms=now_ms, give_way=give_way)
        self._metrics.compression_seconds.inc(time.thread_time() - begin)
        if len(ready) != len(batch):
            self._metrics.recompressed.inc()
        return ready

    def _begin(self, waiting: _Waiting) -> None:
        self._pool.submit(self._work, waiting, asyncio.get_running_loop())

    def _work(self, waiting: _Waiting, loop: asyncio.AbstractEventLoop) -> None:
        """In a thread."""
        try:
            records = unpacked_at_once(waiting.header, waiting.batch)
            if records is None:
                self._large.submit(self._work_alone, waiting, loop)
                return
            self._open(waiting, records)
        except Exception as error:  # noqa: BLE001  # told to the request that waits
            waiting.error = _as_told(error)
        self._is_done(waiting, loop)

    def _work_alone(self, waiting: _Waiting, loop: asyncio.AbstractEventLoop) -> None:
        """In the thread of batches that unpack to much, or not at all."""
        self._metrics.large.inc()
        try:
            with unpacked(waiting.header, waiting.batch) as records:
                self._open(waiting, records)
        except ValueError as error:
            waiting.error = ApiError(ErrorCode.invalid_record, str(error))
        except Exception as error:  # noqa: BLE001  # told to the request that waits
            waiting.error = _as_told(error)
        self._is_done(waiting, loop)

    def _open(self, waiting: _Waiting, records: Buffer) -> None:
        waiting.batch = self._prepared(waiting.header, waiting.batch, records, waiting.rules, waiting.now_ms, give_way)
        waiting.is_stamped = True

    def _is_done(self, waiting: _Waiting, loop: asyncio.AbstractEventLoop) -> None:
        """The loop is woken once for all that is done by then."""
        self._done.append(waiting)
        if not self._is_collecting:
            self._is_collecting = True
            loop.call_soon_threadsafe(self._collect)

    def _collect(self) -> None:
        """Append what is done, as far as its turn has come."""
        self._is_collecting = False
        logs: dict[PartitionLog, None] = {}
        while self._done:
            waiting = self._done.popleft()
            waiting.is_ready = True
            logs[waiting.log] = None
        for log in logs:
            self._serve(log)
        if self._held and self.waiting_bytes <= MAX_WAITING_BYTES // 2:
            held, self._held = self._held, set()
            for connection in held:
                connection.go_on()

    def _serve(self, log: PartitionLog) -> None:
        queue = self._queues[log]
        while queue and queue[0].is_ready:
            if _must_be_opened(queue[0]):
                queue[0].is_ready = queue[0].is_sent_again = False
                self._begin(queue[0])
            else:
                self._settle(queue.popleft())
        if not queue:
            del self._queues[log]
        self._on_appended(log)

    def _settle(self, waiting: _Waiting) -> None:
        """The turn of a batch has come: append it, or say why not."""
        self.waiting_bytes -= waiting.size_bytes
        self._metrics.waiting_bytes.set(self.waiting_bytes)
        rules = waiting.rules
        stamp = rules.is_stamped and not waiting.is_stamped
        if isinstance(waiting.error, ApiError):
            waiting.answer.set_result(waiting.error)
        elif waiting.error is not None:
            waiting.answer.set_exception(waiting.error)  # a bug: the request that waits raises it, the others go on
        else:
            try:
                written = self._append(waiting.log, None, waiting.batch, rules, waiting.now_ms, stamp)
                waiting.answer.set_result(written)
            except ApiError as error:
                waiting.answer.set_result(without_traces(error))
            except Exception as error:  # noqa: BLE001  # as above
                waiting.answer.set_exception(error)

    def _waits(self, waiting: _Waiting, connection: Holdable) -> None:
        self.waiting_bytes += waiting.size_bytes
        self._metrics.waiting_bytes.set(self.waiting_bytes)
        if self.waiting_bytes > MAX_WAITING_BYTES and connection not in self._held:
            self._held.add(connection)
            connection.hold()

    async def drained(self, log: PartitionLog) -> None:
        """What waits by now for its place in this log has it, or was refused."""
        queue = self._queues.get(log)
        if queue:
            await asyncio.wait([queue[-1].answer])

    async def close(self) -> None:
        """Wait until everything is appended."""
        while self._queues:
            await asyncio.wait([queue[-1].answer for queue in self._queues.values()])
        self._pool.shutdown()
        self._large.shutdown()


def _as_told(error: Exception) -> Exception:
    """To the request that waits: what is not an ApiError is a bug."""
    return without_traces(error) if isinstance(error, ApiError) else error


def _must_be_opened(waiting: _Waiting) -> bool:
    """Whether nobody has looked into a batch that was sent again, and the log does not have it all the same."""
    if not waiting.is_sent_again:
        return False
    try:
        return waiting.log.producers.check(waiting.header) is None
    except ApiError:  # it is refused in its turn
        return False


def _is_quick(header: BatchHeader, rules: Rules) -> bool:
    """Not where records are decompressed, or decoded one by one: who knows how many there are."""
    if header.codec != NONE or rules.needs_keys:
        return False
    if header.size_bytes <= INLINE_BYTES:
        return True
    is_short = header.record_count <= INLINE_RECORDS and header.size_bytes <= INLINE_OPENED_BYTES
    return is_short and not rules.compresses(header)


def _is_same(header: BatchHeader, other: BatchHeader) -> bool:
    """Whether a producer sent the batch again: it is opened and compressed once, and found to be a duplicate in its
    turn."""
    return header.producer_id != NO_PRODUCER and (
        (header.producer_id, header.producer_epoch, header.base_sequence, header.last_offset_delta)
        == (other.producer_id, other.producer_epoch, other.base_sequence, other.last_offset_delta)
    )
