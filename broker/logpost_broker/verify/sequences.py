"""Whether the batches of each idempotent producer (KIP-98) follow each other without a break."""

from __future__ import annotations

from typing import NamedTuple

from logpost_broker.log.batch import CONTROL, NO_PRODUCER, BatchHeader
from logpost_broker.log.producers import EXPIRATION_MS, sequence_after

PRODUCERS_KEPT = 100_000
"""The producer that was silent longest is forgotten: its next batch may have any sequence."""


class _Last(NamedTuple):
    epoch: int
    sequence: int | None
    """Of the last record; None when any may follow."""
    timestamp_ms: int


class Sequences:
    """The producers of one partition, fed with its batches in order."""

    def __init__(self) -> None:
        self._last: dict[int, _Last] = {}

    def see(self, header: BatchHeader) -> str | None:
        """What is wrong with the batch's place among those of its producer, or None."""
        if header.producer_id == NO_PRODUCER:
            return None
        last = self._last.pop(header.producer_id, None)
        if header.attributes & CONTROL:  # a transaction's end, which may raise the epoch (KIP-890)
            sequence = last.sequence if last is not None and last.epoch == header.producer_epoch else None
        else:
            sequence = sequence_after(header.base_sequence, header.last_offset_delta)
        self._last[header.producer_id] = _Last(header.producer_epoch, sequence, header.max_timestamp)
        if len(self._last) > PRODUCERS_KEPT:
            del self._last[next(iter(self._last))]
        return None if last is None else _break_between(last, header)

    def forget(self) -> None:
        """Batches are missing here: whatever follows cannot be judged."""
        self._last.clear()


def _break_between(last: _Last, header: BatchHeader) -> str | None:
    producer = f"producer {header.producer_id}"
    if header.producer_epoch < last.epoch:
        return f"{producer} sent epoch {header.producer_epoch} after {last.epoch}"
    if header.attributes & CONTROL or last.sequence is None:
        return None
    if header.max_timestamp - last.timestamp_ms > EXPIRATION_MS:  # forgotten by the broker, it may start anywhere
        return None
    expected = 0 if header.producer_epoch > last.epoch else sequence_after(last.sequence, 1)
    if header.base_sequence == expected:
        return None
    return f"{producer} sent sequence {header.base_sequence} where {expected} follows"
