"""What stays of a batch when its log is compacted. The rules are those of Apache Kafka's cleaner.

- A record stays when no newer one has its key. One without a value, a tombstone, stays until the delete horizon of its
  batch, which is set when it is first cleaned (KIP-534), so that a consumer that reads an old value has time to learn
  of its end. A record without a key goes: nothing could ever replace it.
- Records of aborted transactions go. A marker stays until nothing is left of its transaction, and then as long as a
  tombstone.
- The last batch of each producer stays, empty if need be: its epoch and sequence must not be forgotten. So does the
  last batch of a segment, so that a segment ends where the next begins.
- A batch that cannot be opened stays as it is. So does what lies behind the offset map.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from logpost_broker.log.batch import CONTROL, DELETE_HORIZON, BatchHeader, Buffer
from logpost_broker.log.cleaned_transactions import CleanedTransactions
from logpost_broker.log.kept_records import RecordSpan, emptied, keeping, record_spans
from logpost_broker.log.offset_map import OffsetMap
from logpost_broker.log.unpacking import unpacked


@dataclass(slots=True)
class BatchFilter:
    """Fed with the batches of a log in order, from its start."""

    newest: OffsetMap
    end_offset: int
    """The map knows the records below."""
    transactions: CleanedTransactions
    last_offsets: Mapping[int, int]
    """Per producer the last offset of its last batch."""
    now_ms: int
    delete_retention_ms: int
    level_of: Callable[[int], int]
    """How hard to compress, by codec."""
    malformed: dict[int, str] = field(default_factory=dict)
    """Base offsets of the batches that cannot be opened, and why."""

    def kept(self, header: BatchHeader, batch: Buffer, *, is_last: bool) -> Buffer | None:
        """What to write in place of `batch`, if anything. `is_last`: it is the last one of its segment."""
        if header.base_offset >= self.end_offset:
            return batch
        kept = self._rest(header, batch)
        if kept is None and (is_last or self.last_offsets.get(header.producer_id) == header.last_offset):
            kept = emptied(header)
        if kept is not None:
            self.transactions.keeps(header)
        return kept

    def _rest(self, header: BatchHeader, batch: Buffer) -> Buffer | None:
        if header.attributes & CONTROL:
            return self._marker(header, batch)
        if header.record_count == 0 or self.transactions.is_aborted(header):
            return None
        return self._opened(header, batch, self._with_records)

    def _with_records(self, header: BatchHeader, batch: Buffer, body: bytes, spans: list[RecordSpan]) -> Buffer | None:
        kept = [span for span in spans if self._stays(header, span)]
        if not kept:
            return None
        has_new_tombstones = not header.attributes & DELETE_HORIZON and not all(span.has_value for span in kept)
        if len(kept) == len(spans) and not has_new_tombstones:
            return batch
        return self._keeping(header, body, kept, sets_horizon=has_new_tombstones)

    def _stays(self, header: BatchHeader, span: RecordSpan) -> bool:
        if span.key is None or header.base_offset + span.offset_delta < self.newest.get(span.key):
            return False
        return span.has_value or not self._is_past_horizon(header)

    def _marker(self, header: BatchHeader, batch: Buffer) -> Buffer | None:
        is_gone = self.transactions.is_gone(header)
        if header.record_count == 0:
            return None
        if not is_gone:
            return batch
        if header.attributes & DELETE_HORIZON:
            return None if self._is_past_horizon(header) else batch
        return self._opened(
            header, batch, lambda header, _, body, spans: self._keeping(header, body, spans, sets_horizon=True)
        )

    def _is_past_horizon(self, header: BatchHeader) -> bool:
        return bool(header.attributes & DELETE_HORIZON) and header.base_timestamp <= self.now_ms

    def _opened(
        self,
        header: BatchHeader,
        batch: Buffer,
        of: Callable[[BatchHeader, Buffer, bytes, list[RecordSpan]], Buffer | None],
    ) -> Buffer | None:
        """What `of` makes of the batch and its records; the batch itself where they cannot be read."""
        try:
            with unpacked(header, batch) as records:
                body = bytes(records)
                return of(header, batch, body, record_spans(header, body))
        except ValueError as error:
            self.malformed[header.base_offset] = str(error)
            return batch

    def _keeping(self, header: BatchHeader, body: bytes, kept: list[RecordSpan], *, sets_horizon: bool) -> bytes:
        horizon = self.now_ms + self.delete_retention_ms if sets_horizon else None
        return keeping(header, body, kept, level=self.level_of(header.codec), delete_horizon_ms=horizon)
