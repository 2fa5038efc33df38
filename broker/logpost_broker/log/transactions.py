"""The transactions of one partition: which are open, and which were aborted.

Consumers of committed records see nothing from the first open transaction on (the last stable offset), and are told
which producers' records below it to pass over (KIP-98). Fed with batches in the order of the log. Pure. Saved in the
producers' snapshots, behind Kafka's part of them: one file under one CRC, so that a crash cannot take the one and leave
the other.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from logpost_broker.log.aborted_transactions import ENTRY, AbortedTransaction, AbortedTransactions
from logpost_broker.log.batch import CONTROL, TRANSACTIONAL, BatchHeader, Buffer
from logpost_broker.log.cleaned_transactions import ABORT, marker_type

HEAD = struct.Struct(">ii")
"""How many are open, how many were aborted."""
OPEN = struct.Struct(">qhq")


@dataclass(frozen=True, slots=True)
class OpenTransaction:
    producer_id: int
    epoch: int
    first_offset: int


class PartitionTransactions:
    def __init__(self, open_: Iterable[OpenTransaction] = (), aborted: bytes = b"") -> None:
        """`aborted`: as they are saved. Raises ValueError."""
        self.open = {transaction.producer_id: transaction for transaction in open_}
        """Producer id → its open transaction."""
        self._aborted = AbortedTransactions(aborted)
        self._ended: list[tuple[int, int]] = []
        """Offset of the marker and first offset, of those whose marker is not visible yet."""

    @property
    def first_unstable_offset(self) -> int | None:
        """Where the first transaction begins that is open, as far as consumers see; None where none is."""
        open_ = (transaction.first_offset for transaction in self.open.values())
        return min((*open_, *(first_offset for _, first_offset in self._ended)), default=None)

    def shown(self, high_watermark: int) -> None:
        """Markers below are visible."""
        while self._ended and self._ended[0][0] < high_watermark:
            del self._ended[0]

    def see(self, header: BatchHeader, batch: Buffer) -> None:
        """A batch that is in the log, under its final offsets. Of a control batch, `batch` is the whole of it."""
        if not header.attributes & TRANSACTIONAL:
            return
        if not header.attributes & CONTROL:
            if header.producer_id not in self.open:
                opened = OpenTransaction(header.producer_id, header.producer_epoch, header.base_offset)
                self.open[header.producer_id] = opened
            return
        ended = self.open.pop(header.producer_id, None)
        if ended is None:
            return
        self._ended.append((header.last_offset, ended.first_offset))
        if marker_type(batch) == ABORT:
            self._aborted.append(AbortedTransaction(header.producer_id, ended.first_offset, header.last_offset))

    def aborted(self, start: int, end: int) -> list[AbortedTransaction]:
        """Those with records at offsets from `start` on and below `end`."""
        return self._aborted.between(start, end)

    def abort_ends_between(self, start: int, end: int) -> bool:
        """Whether a marker of one is at an offset from `start` on and below `end`."""
        return self._aborted.end_between(start, end)

    def forget_before(self, offset: int) -> None:
        """The log begins there, or is compacted up to there: no record of what was aborted before is left."""
        self._aborted.forget_before(offset)

    def keep_aborted(self, has_marker: Callable[[int], bool]) -> None:
        """Forget those whose marker compaction has taken: a consumer would pass over records until it comes."""
        self._aborted.keep(has_marker)

    def saved(self) -> bytes:
        """Empty where there is nothing to say."""
        if not self.open and not self._aborted:
            return b""
        return b"".join(
            [
                HEAD.pack(len(self.open), len(self._aborted)),
                *(OPEN.pack(each.producer_id, each.epoch, each.first_offset) for each in self.open.values()),
                self._aborted.packed(),
            ]
        )

    @classmethod
    def from_saved(cls, data: bytes) -> PartitionTransactions:
        """Raises ValueError when `data` is not what `saved` made."""
        if not data:
            return cls()
        if len(data) < HEAD.size:
            raise ValueError("the transactions of a snapshot are cut short")
        open_count, aborted_count = HEAD.unpack_from(data)
        middle = HEAD.size + open_count * OPEN.size
        if min(open_count, aborted_count) < 0 or middle + aborted_count * ENTRY.size != len(data):
            raise ValueError("the transactions of a snapshot have a wrong length")
        return cls([OpenTransaction(*entry) for entry in OPEN.iter_unpack(data[HEAD.size : middle])], data[middle:])
