"""Which transactions of a log were aborted, which are open, and of which nothing is left.

A log says it itself: the records of a transaction come in transactional batches, and a marker, which is a control batch
of the same producer, ends it (KIP-98). Both classes are fed with batches in the order of the log. Pure.
"""

from __future__ import annotations

import struct
from collections import deque

from logpost_broker.log.batch import CONTROL, TRANSACTIONAL, BatchHeader, Buffer
from logpost_broker.log.records import records_of

MARKER_KEY = struct.Struct(">hh")
"""Version and type."""
ABORT, COMMIT = 0, 1


class TransactionSurvey:
    """Reads ahead: a transaction's records come before what says whether they count."""

    def __init__(self) -> None:
        self._open: dict[int, int] = {}
        self._aborted: dict[int, deque[tuple[int, int]]] = {}

    def see(self, header: BatchHeader) -> None:
        """A batch of records."""
        if header.attributes & TRANSACTIONAL:
            self._open.setdefault(header.producer_id, header.base_offset)

    def see_marker(self, header: BatchHeader, batch: Buffer) -> None:
        """A control batch."""
        first = self._open.pop(header.producer_id, None)
        if first is not None and marker_type(batch) == ABORT:
            self._aborted.setdefault(header.producer_id, deque()).append((first, header.base_offset))

    @property
    def first_unstable_offset(self) -> int | None:
        """Where the first transaction begins that has no end yet."""
        return min(self._open.values(), default=None)

    def traversal(self) -> CleanedTransactions:
        return CleanedTransactions({producer_id: deque(ranges) for producer_id, ranges in self._aborted.items()})


class CleanedTransactions:
    """Follows the cleaning of a log from its start."""

    def __init__(self, aborted: dict[int, deque[tuple[int, int]]]) -> None:
        self._aborted = aborted
        self._kept: set[int] = set()
        """Producers whose current transaction has a batch that is kept."""

    def is_aborted(self, header: BatchHeader) -> bool:
        """Whether the records of a batch never counted."""
        ranges = self._aborted.get(header.producer_id)
        if not ranges or not header.attributes & TRANSACTIONAL:
            return False
        while ranges and ranges[0][1] < header.base_offset:
            ranges.popleft()
        return bool(ranges) and ranges[0][0] <= header.base_offset

    def keeps(self, header: BatchHeader) -> None:
        """A batch stays in the log, if only an empty one."""
        if header.attributes & TRANSACTIONAL and not header.attributes & CONTROL:
            self._kept.add(header.producer_id)

    def is_gone(self, marker: BatchHeader) -> bool:
        """Whether no batch is left of the transaction that `marker` ends."""
        if marker.producer_id in self._kept:
            self._kept.remove(marker.producer_id)
            return False
        return True


def marker_type(batch: Buffer) -> int | None:
    """ABORT, COMMIT or another type of control record; None when there is none that can be read. What is not known to
    be aborted counts."""
    try:
        key = next((record.key for record in records_of(batch)), None)
    except ValueError:
        return None
    if key is None or len(key) < MARKER_KEY.size:
        return None
    return int(MARKER_KEY.unpack_from(key)[1])
