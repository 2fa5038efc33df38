"""Which transactions of a partition were aborted, packed as they are saved: a log may have one for every few records,
and remembers all that it has records of. Pure."""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass

ENTRY = struct.Struct(">qqq")


@dataclass(frozen=True, slots=True)
class AbortedTransaction:
    producer_id: int
    first_offset: int
    last_offset: int
    """Where its marker is."""


class AbortedTransactions:
    def __init__(self, packed: bytes = b"") -> None:
        """`packed`: what `packed` returned. Raises ValueError when it is not whole."""
        if len(packed) % ENTRY.size:
            raise ValueError("aborted transactions are cut short")
        self._packed = bytearray(packed)
        """In the order of their markers."""
        self._longest = max((last - first for _, first, last in ENTRY.iter_unpack(packed)), default=0)
        """Of no transaction the marker is further from its first record."""

    def __len__(self) -> int:
        return len(self._packed) // ENTRY.size

    def packed(self) -> bytes:
        return bytes(self._packed)

    def append(self, aborted: AbortedTransaction) -> None:
        """The newest."""
        self._packed += ENTRY.pack(aborted.producer_id, aborted.first_offset, aborted.last_offset)
        self._longest = max(self._longest, aborted.last_offset - aborted.first_offset)

    def between(self, start: int, end: int) -> list[AbortedTransaction]:
        """Those with records at offsets from `start` on and below `end`."""
        entries = self._entries(self._first_ending_at(start), self._first_ending_at(end + self._longest))
        return [each for each in entries if each.first_offset < end]

    def forget_before(self, offset: int) -> None:
        """Those whose marker is below it."""
        del self._packed[: self._first_ending_at(offset) * ENTRY.size]

    def keep(self, has_marker: Callable[[int], bool]) -> None:
        """Forget those at whose end this does not hold."""
        kept = [each for each in self._entries(0, len(self)) if has_marker(each.last_offset)]
        self._packed.clear()
        for each in kept:
            self.append(each)

    def _entries(self, begin: int, end: int) -> Iterator[AbortedTransaction]:
        packed = self._packed[begin * ENTRY.size : end * ENTRY.size]
        return (AbortedTransaction(*entry) for entry in ENTRY.iter_unpack(packed))

    def _first_ending_at(self, offset: int) -> int:
        return bisect_left(range(len(self)), offset, key=self._last_offset)

    def _last_offset(self, number: int) -> int:
        last_offset: int = ENTRY.unpack_from(self._packed, number * ENTRY.size)[2]
        return last_offset
