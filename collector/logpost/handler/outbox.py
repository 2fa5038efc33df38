"""The records that wait for the broker's acknowledgement: numbered, bounded, with every loss accounted for.

Once the bound is reached, records are dropped until a quarter of the room is free again. Then one record tells how
many were dropped and when, and stands for their numbers in the stream, so that the stream has no hole.

A record may come at any moment: in a signal handler or a finalizer that interrupts `offer` itself, in a thread that a
fork takes away. So nothing here takes a lock. What many may touch changes by single steps of the interpreter: a deque,
and counters that are iterators. All else, the numbers first of all, belongs to the one sender.
"""

from __future__ import annotations

import itertools
import operator
import sys
from collections import deque

import msgspec

from logpost.handler.native import Bell, wait_until
from logpost.record import Record, Src

DROPPED = "logpost.dropped"
"""The attribute, a count, of a record that stands for lost ones."""
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Record)


class _Counter:
    """Counts what several threads and signal handlers do; each step and each look is one step of the interpreter."""

    def __init__(self) -> None:
        self._left = itertools.repeat(None, sys.maxsize)

    def add(self) -> None:
        next(self._left)

    @property
    def value(self) -> int:
        return sys.maxsize - operator.length_hint(self._left)


class Outbox:
    """Filled by the threads of the application (`offer`), emptied by one sender (`take`, `settle`, …)."""

    def __init__(self, stream_id: str, max_records: int, max_bytes: int) -> None:
        """`max_records` and `max_bytes`: records not yet acknowledged, waiting or sent."""
        self._stream_id = stream_id
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._source_bytes = len(_encoder.encode(Src(id=stream_id, start=0, end=1))) + len(b',"src":')
        self._bell = Bell()
        # Written by all:
        self._waiting: deque[bytes] = deque()
        self._accepted = _Counter()
        self._lost = _Counter()
        self._is_dropping = False
        self._first_lost: Record | None = None
        self._last_lost: Record | None = None
        self._bytes_in = 0  # two threads may spoil it; what that costs is set right whenever nothing waits
        # The sender's own:
        self._numbered: deque[bytes] = deque()
        self._next = 0
        self._in_flight = 0
        self._bytes_out = 0
        self._told = 0
        self._refused = 0

    @property
    def dropped(self) -> int:
        """Records lost so far: for want of room, or refused by the broker."""
        return self._lost.value + self._refused

    @property
    def pending(self) -> int:
        """Records not yet acknowledged, the one that tells of drops included."""
        # In this order: what the sender takes meanwhile counts twice, and never not at all.
        return len(self._waiting) + self._in_flight + (self._lost.value > self._told)

    @property
    def offered(self) -> int:
        """Records so far, dropped ones included."""
        return self._accepted.value + self._lost.value

    def offer(self, record: Record) -> None:
        """Queue `record`, or drop it. Never blocks. Raises what encoding raises."""
        value = _encoder.encode(record)
        if self._is_dropping or self._is_full():
            self.drop(record)
        else:
            self._bytes_in += len(value) + self._source_bytes
            self._accepted.add()
            self._waiting.append(value)
        self._bell.ring()

    def drop(self, record: Record) -> None:
        """Count `record` as lost, to be told of."""
        self._first_lost = self._first_lost or record
        self._last_lost = record
        self._lost.add()
        self._is_dropping = True

    def _is_full(self) -> bool:
        records, held = self._in_flight + len(self._waiting), self._bytes_in - self._bytes_out
        return records >= self._max_records or held >= self._max_bytes

    def wake(self) -> None:
        """Let a waiting `take` answer None."""
        self._bell.ring()

    def wait(self, seconds: float) -> bool:
        """Wait until everything is acknowledged, at most `seconds`; returns whether it is."""
        return wait_until(lambda: self.pending == 0, seconds)

    def take(self, timeout: float | None) -> bytes | None:
        """The next value to send; None after `timeout` seconds (None waits without end) or a `wake`."""
        self._tell()
        if not self._numbered and not self._waiting:
            self._bell.wait(timeout)
            self._tell()
        if self._numbered:
            return self._numbered.popleft()
        if not self._waiting:
            return None
        self._in_flight += 1
        return self._number(self._waiting.popleft(), 1)

    def _number(self, value: bytes, count: int) -> bytes:
        """`src` is the last key of a record, so it goes to the end of the JSON."""
        source = Src(id=self._stream_id, start=self._next, end=self._next + count)
        self._next += count
        numbered = b'%s,"src":%s}' % (value[:-1], _encoder.encode(source))
        self._bytes_out -= len(numbered) - len(value) - self._source_bytes
        return numbered

    def _tell(self) -> None:
        """Once there is room again, let one record stand for all that were dropped."""
        # While records are dropped none is accepted: what still waits came before them, and gets its number before.
        if not self._is_dropping or self._waiting or not self._has_room_again():
            return
        first, last = self._first_lost, self._last_lost
        self._first_lost, self._is_dropping = None, False
        count = self._lost.value - self._told
        if count and last is not None:
            note = _encoder.encode(_note(count, first or last, last))
            self._in_flight += 1
            self._bytes_out -= len(note) + self._source_bytes
            self._numbered.append(self._number(note, count))
            self._told += count

    def _has_room_again(self) -> bool:
        held = self._bytes_in - self._bytes_out
        return self._in_flight <= self._max_records * 3 // 4 and held <= self._max_bytes * 3 // 4

    def put_back(self, value: bytes) -> None:
        """Send a taken value again: same stream, same number, so the indexer drops what it has already."""
        self._numbered.append(value)

    def settle(self, value: bytes) -> None:
        """A taken value was acknowledged."""
        self._bytes_out += len(value)
        if self._in_flight == 1 and not self._waiting:
            self._bytes_out = self._bytes_in
        self._in_flight -= 1
        self._tell()

    def refuse(self, value: bytes, reason: str) -> None:
        """The broker will never take this value: a record that says so takes its place."""
        lost = _decoder.decode(value)
        if DROPPED in lost.attrs:
            self.settle(value)
            return
        self._refused += 1
        lost.message = f"1 log record dropped: the broker refused it ({reason})"
        lost.level, lost.attrs = "warn", {DROPPED: 1}
        note = _encoder.encode(lost)
        self._bytes_out += len(value) - len(note)
        self._numbered.append(note)


def _note(count: int, first: Record, last: Record) -> Record:
    return Record(
        ts=last.ts,
        message=f"{count} log record{'s' * (count > 1)} dropped between {first.ts} and {last.ts}: "
        "the broker did not keep up",
        host=last.host,
        service=last.service,
        level="warn",
        attrs={DROPPED: count},
    )
