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
        # There may be a million, of which few are wanted: to make each of them would take a second.
        return [AbortedTransaction(*entry) for entry in entries if entry[1] < end]

    def end_between(self, start: int, end: int) -> bool:
        """Whether there is a marker from `start` on and below `end`."""
        return self._first_ending_at(start) < self._first_ending_at(end)

    def forget_before(self, offset: int) -> None:
        """Those whose marker is below it."""
        del self._packed[: self._first_ending_at(offset) * ENTRY.size]

    def keep(self, has_marker: Callable[[int], bool]) -> None:
        """Forget those at whose end this does not hold."""
        kept = [ENTRY.pack(*entry) for entry in self._entries(0, len(self)) if has_marker(entry[2])]
        self._packed[:] = b"".join(kept)

    def _entries(self, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
        return ENTRY.iter_unpack(self._packed[begin * ENTRY.size : end * ENTRY.size])

    def _first_ending_at(self, offset: int) -> int:
        return bisect_left(range(len(self)), offset, key=self._last_offset)

    def _last_offset(self, number: int) -> int:
        last_offset: int = ENTRY.unpack_from(self._packed, number * ENTRY.size)[2]
        return last_offset
