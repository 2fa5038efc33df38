"""The records that wait for the broker's acknowledgement: numbered, bounded, with every loss accounted for.

Once the bound is reached, records are dropped until a quarter of the room is free again. Then one record tells how
many were dropped and when, and stands for their numbers in the stream, so that the stream has no hole.
"""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass

import msgspec

from logpost.record import Record, Src

DROPPED = "logpost.dropped"
"""The attribute, a count, of a record that stands for lost ones."""
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Record)


@dataclass(slots=True)
class _Gap:
    """Dropped records `start` (incl.) to `end` (excl.) of the stream, and when the first and the last were made."""

    start: int
    end: int
    first_ts: str
    last: Record


class Outbox:
    """Filled by the threads of the application, emptied by one sender. Nothing here blocks but `take` and `wait`."""

    def __init__(self, stream_id: str, max_records: int, max_bytes: int) -> None:
        """`max_records` and `max_bytes`: records not yet acknowledged, waiting or sent."""
        self.dropped = 0
        """Records lost so far: for want of room, or refused by the broker."""
        self._stream_id = stream_id
        self._max_records = max_records
        self._max_bytes = max_bytes
        # Reentrant, because a signal handler or a finalizer may log while this thread is in here.
        self._changed = threading.Condition(threading.RLock())
        self._waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._next = 0
        self._records = 0
        self._bytes = 0
        self._gap: _Gap | None = None

    @property
    def pending(self) -> int:
        """Records not yet acknowledged, the one that tells of drops included."""
        return self._records + (self._gap is not None)

    @property
    def offered(self) -> int:
        """Records of the stream so far, dropped ones included."""
        return self._next

    def offer(self, record: Record) -> None:
        """Number `record` and queue it, or drop it. Never blocks. Raises what encoding raises."""
        with self._changed:
            number = self._next
            if self._gap is None and self._records < self._max_records and self._bytes < self._max_bytes:
                record.src = Src(id=self._stream_id, start=number, end=number + 1)
                self._put(_encoder.encode(record))
                self._next += 1
                return
            self._next += 1
            self.dropped += 1
            if self._gap is None:
                self._gap = _Gap(number, number + 1, record.ts, record)
            else:
                self._gap.end, self._gap.last = number + 1, record

    def _put(self, value: bytes) -> None:
        self._records += 1
        self._bytes += len(value)
        self._waiting.put(value)

    def take(self, timeout: float | None) -> bytes | None:
        """The next value to send; None after `timeout` seconds (None waits without end) or a `wake`."""
        try:
            return self._waiting.get(timeout=timeout) or None
        except queue.Empty:
            return None

    def wake(self) -> None:
        """Let a waiting `take` answer None."""
        self._waiting.put(b"")

    def put_back(self, value: bytes) -> None:
        """Send a taken value again: same stream, same number, so the indexer drops what it has already."""
        self._waiting.put(value)

    def settle(self, value: bytes) -> None:
        """A taken value was acknowledged."""
        with self._changed:
            self._records -= 1
            self._bytes -= len(value)
            if self._gap is not None and self._has_room_again():
                gap, self._gap = self._gap, None
                self._put(_encoder.encode(_told(gap, self._stream_id)))
            self._changed.notify_all()

    def _has_room_again(self) -> bool:
        return self._records <= self._max_records * 3 // 4 and self._bytes <= self._max_bytes * 3 // 4

    def refuse(self, value: bytes, reason: str) -> None:
        """The broker will never take this value: a record that says so takes its place."""
        with self._changed:
            lost = _decoder.decode(value)
            if DROPPED not in lost.attrs:
                self.dropped += 1
                lost.message = f"1 log record dropped: the broker refused it ({reason})"
                lost.level, lost.attrs = "warn", {DROPPED: 1}
                self._put(_encoder.encode(lost))
            self.settle(value)

    def wait(self, seconds: float) -> bool:
        """Wait until everything is acknowledged, at most `seconds`; answers whether it is."""
        deadline = time.monotonic() + seconds
        with self._changed:
            return self._changed.wait_for(lambda: self.pending == 0, max(0.0, deadline - time.monotonic()))


def _told(gap: _Gap, stream_id: str) -> Record:
    count = gap.end - gap.start
    return Record(
        ts=gap.last.ts,
        message=f"{count} log record{'s' * (count > 1)} dropped between {gap.first_ts} and {gap.last.ts}: "
        "the broker did not keep up",
        host=gap.last.host,
        service=gap.last.service,
        level="warn",
        attrs={DROPPED: count},
        src=Src(id=stream_id, start=gap.start, end=gap.end),
    )
