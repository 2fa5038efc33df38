"""The transactions of one partition: which are open, and which were aborted.

Consumers of committed records see nothing from the first open transaction on (the last stable offset), and are told
which producers' records below it to pass over (KIP-98). Fed with batches in the order of the log. Pure. Saved beside
the producers' snapshots, for the same offset, wherever there is anything to save.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from crc32c import crc32c

from logpost_broker.log.batch import CONTROL, TRANSACTIONAL, BatchHeader, Buffer
from logpost_broker.log.cleaned_transactions import ABORT, marker_type

HEAD = struct.Struct(">hIii")
"""Version, CRC-32C of the rest, how many are open, how many were aborted."""
VERSION = 0
SUMMED_FROM = 6
OPEN = struct.Struct(">qhq")
ABORTED = struct.Struct(">qqq")


@dataclass(frozen=True, slots=True)
class OpenTransaction:
    producer_id: int
    epoch: int
    first_offset: int


@dataclass(frozen=True, slots=True)
class AbortedTransaction:
    producer_id: int
    first_offset: int
    last_offset: int
    """Where its marker is."""


class PartitionTransactions:
    def __init__(self, open_: Iterable[OpenTransaction] = (), aborted: Iterable[AbortedTransaction] = ()) -> None:
        self.open = {transaction.producer_id: transaction for transaction in open_}
        """Producer id → its open transaction."""
        self._aborted = [*aborted]

    @property
    def first_unstable_offset(self) -> int | None:
        """Where the first open transaction begins; None where none is open."""
        return min((transaction.first_offset for transaction in self.open.values()), default=None)

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
        if ended is not None and marker_type(batch) == ABORT:
            self._aborted.append(AbortedTransaction(header.producer_id, ended.first_offset, header.last_offset))

    def aborted(self, start: int, end: int) -> list[AbortedTransaction]:
        """Those with records at offsets from `start` on and below `end`."""
        return [each for each in self._aborted if each.last_offset >= start and each.first_offset < end]

    def forget_before(self, offset: int) -> None:
        """The log begins there."""
        self._aborted = [each for each in self._aborted if each.last_offset >= offset]

    def saved(self) -> bytes:
        """Empty where there is nothing to say."""
        if not self.open and not self._aborted:
            return b""
        rest = b"".join(
            [
                *(OPEN.pack(each.producer_id, each.epoch, each.first_offset) for each in self.open.values()),
                *(ABORTED.pack(each.producer_id, each.first_offset, each.last_offset) for each in self._aborted),
            ]
        )
        summed = HEAD.pack(VERSION, 0, len(self.open), len(self._aborted))[SUMMED_FROM:] + rest
        return HEAD.pack(VERSION, crc32c(summed), len(self.open), len(self._aborted)) + rest

    @classmethod
    def from_saved(cls, data: bytes) -> PartitionTransactions:
        """Raises ValueError when `data` is not whole."""
        if len(data) < HEAD.size:
            raise ValueError("a file of transactions is cut short")
        version, crc, open_count, aborted_count = HEAD.unpack_from(data)
        middle = HEAD.size + open_count * OPEN.size
        if version != VERSION or crc32c(data[SUMMED_FROM:]) != crc:
            raise ValueError("a file of transactions has a wrong version or CRC")
        if middle + aborted_count * ABORTED.size != len(data):
            raise ValueError("a file of transactions has a wrong length")
        return cls(
            [OpenTransaction(*entry) for entry in OPEN.iter_unpack(data[HEAD.size : middle])],
            [AbortedTransaction(*entry) for entry in ABORTED.iter_unpack(data[middle:])],
        )
