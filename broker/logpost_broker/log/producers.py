"""Idempotent producers (KIP-98): which batches a log already has, and which may come next.

Per producer id: its epoch and its last five batches, the most a client may have in flight. A batch is checked first and
recorded after it was written. How many ids there may be, `limits.py` says. Snapshots are Kafka's `.snapshot` files;
where Kafka writes the last batch of a producer, we write up to five, oldest first: Kafka's reader takes the last, ours
all, so that a restart forgets no duplicate. What stands behind Kafka's part, under its CRC, are the log's transactions
(`transactions.py`).
"""

from __future__ import annotations

import struct
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from itertools import islice

from crc32c import crc32c
from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError
from logpost_broker.log.batch import CONTROL, NO_PRODUCER, NO_SEQUENCE, BatchHeader
from logpost_broker.log.limits import MAX_PRODUCERS_OF_PARTITION

BATCHES_KEPT = 5
MAX_SEQUENCE = 2**31 - 1
EXPIRATION_MS = 24 * 60 * 60 * 1000
"""Kafka's `producer.id.expiration.ms`: a producer silent for so long is forgotten."""
SNAPSHOT_VERSION = 1
SNAPSHOT_HEAD = struct.Struct(">hI")
SNAPSHOT_COUNT = struct.Struct(">i")
SNAPSHOT_ENTRY = struct.Struct(">qhiqiqiq")
SUMMED_FROM = SNAPSHOT_HEAD.size


@dataclass(frozen=True, slots=True)
class ProducedBatch:
    base_sequence: int
    last_sequence: int
    base_offset: int
    last_offset: int
    arrived_ms: int
    """By the broker's clock: the batch's own timestamps may be years old."""


@dataclass(slots=True)
class Producer:
    epoch: int
    batches: list[ProducedBatch] = field(default_factory=list)
    """Empty where a marker told of the epoch, and nothing came in it yet."""
    marked_ms: int = 0
    """When the last marker came."""

    @property
    def seen_ms(self) -> int:
        return max(self.marked_ms, self.batches[-1].arrived_ms if self.batches else 0)


class ProducerStates:
    """The producers of one partition."""

    def __init__(self) -> None:
        self._producers: dict[int, Producer] = {}
        """In the order of their last batches or markers: the same after a restart, which has no times of theirs."""
        self._forgotten = 0

    def __iter__(self) -> Iterator[tuple[int, Producer]]:
        """Each producer by its id."""
        return iter(self._producers.items())

    def __len__(self) -> int:
        return len(self._producers)

    def check(self, header: BatchHeader) -> ProducedBatch | None:
        """Whether `header` may be appended: None if so, the batch that is in the log when this is its duplicate.

        Raises ApiError: INVALID_PRODUCER_EPOCH, OUT_OF_ORDER_SEQUENCE_NUMBER. A producer that is not known may start
        with any sequence, as in Kafka: its earlier batches may have left with their segments.
        """
        producer = self._producers.get(header.producer_id)
        if producer is None:
            return None
        if header.producer_epoch < producer.epoch:
            raise ApiError(
                ErrorCode.invalid_producer_epoch,
                f"epoch {header.producer_epoch} of producer {header.producer_id} is older than {producer.epoch}",
            )
        if not has_sequence(header):
            return None
        if header.producer_epoch > producer.epoch:
            self._require(header, expected=0)
            return None
        last_sequence = sequence_after(header.base_sequence, header.last_offset_delta)
        for batch in producer.batches:
            if (batch.base_sequence, batch.last_sequence) == (header.base_sequence, last_sequence):
                return batch
        self._require(header, expected=sequence_after(producer.batches[-1].last_sequence, 1) if producer.batches else 0)
        return None

    @staticmethod
    def _require(header: BatchHeader, expected: int) -> None:
        if header.base_sequence != expected:
            raise ApiError(
                ErrorCode.out_of_order_sequence_number,
                f"producer {header.producer_id} sent sequence {header.base_sequence}, expected {expected}",
            )

    def record(self, header: BatchHeader, now_ms: int, in_transaction: Container[int] = ()) -> None:
        """Note a batch that is in the log under its final offsets. A marker, which the broker writes, has no sequence,
        and an epoch that fences what is older (KIP-890). A new producer never takes the place of one
        `in_transaction`."""
        if header.attributes & CONTROL:
            self._fence(header, now_ms, in_transaction)
        if not has_sequence(header):
            return
        producer = self._latest(header, in_transaction)
        if producer.epoch != header.producer_epoch:
            producer = self._producers[header.producer_id] = Producer(header.producer_epoch)
        producer.batches.append(
            ProducedBatch(
                base_sequence=header.base_sequence,
                last_sequence=sequence_after(header.base_sequence, header.last_offset_delta),
                base_offset=header.base_offset,
                last_offset=header.last_offset,
                arrived_ms=now_ms,
            )
        )
        del producer.batches[:-BATCHES_KEPT]

    def _fence(self, header: BatchHeader, now_ms: int, in_transaction: Container[int]) -> None:
        producer = self._latest(header, in_transaction)
        if producer.epoch < header.producer_epoch:
            producer = self._producers[header.producer_id] = Producer(header.producer_epoch)
        producer.marked_ms = now_ms

    def _latest(self, header: BatchHeader, in_transaction: Container[int]) -> Producer:
        """Who sent a batch, which may be somebody new, at the end of the order."""
        producer = self._producers.pop(header.producer_id, None)
        if producer is None:
            producer = Producer(header.producer_epoch)
            if len(self._producers) >= MAX_PRODUCERS_OF_PARTITION:
                self.keep_newest(MAX_PRODUCERS_OF_PARTITION * 9 // 10, in_transaction)
        self._producers[header.producer_id] = producer
        return producer

    def last_offsets(self) -> dict[int, int]:
        """Producer id → last offset of its last batch."""
        return {
            producer_id: producer.batches[-1].last_offset
            for producer_id, producer in self._producers.items()
            if producer.batches
        }

    def expire(self, now_ms: int, in_transaction: Container[int] = ()) -> None:
        """Forget producers that were silent for a day."""
        silent = [
            producer_id
            for producer_id, producer in self._producers.items()
            if producer.seen_ms < now_ms - EXPIRATION_MS and producer_id not in in_transaction
        ]
        for producer_id in silent:
            del self._producers[producer_id]

    def keep_newest(self, count: int, in_transaction: Container[int] = ()) -> None:
        """Forget those that were silent for longest, where there are more."""
        spare = (producer_id for producer_id in self._producers if producer_id not in in_transaction)
        for producer_id in [*islice(spare, max(0, len(self) - count))]:
            del self._producers[producer_id]
            self._forgotten += 1

    def take_forgotten(self) -> int:
        """How many were forgotten before their day was over, since this was last asked."""
        forgotten, self._forgotten = self._forgotten, 0
        return forgotten

    def snapshot(self, transactions: bytes = b"") -> bytes:
        """The states as a file of Kafka's format (version 1, without the open transactions), and what is saved with
        them."""
        entries = [
            SNAPSHOT_ENTRY.pack(
                producer_id,
                producer.epoch,
                batch.last_sequence,
                batch.last_offset,
                batch.last_offset - batch.base_offset,
                batch.arrived_ms,
                -1,
                -1,
            )
            for producer_id, producer in self._producers.items()
            for batch in producer.batches or [ProducedBatch(NO_SEQUENCE, NO_SEQUENCE, -1, -1, producer.marked_ms)]
        ]
        summed = SNAPSHOT_COUNT.pack(len(entries)) + b"".join(entries) + transactions
        return SNAPSHOT_HEAD.pack(SNAPSHOT_VERSION, crc32c(summed)) + summed

    @classmethod
    def from_snapshot(cls, data: bytes) -> tuple[ProducerStates, bytes]:
        """The states, and what was saved with them. Raises ValueError when `data` is not a whole snapshot."""
        states = cls()
        entries, transactions = _parts(data)
        for entry in SNAPSHOT_ENTRY.iter_unpack(entries):
            producer_id, epoch, last_sequence, last_offset, delta, arrived_ms, _, _ = entry
            producer = states._producers.setdefault(producer_id, Producer(epoch))
            if last_sequence == NO_SEQUENCE:
                producer.marked_ms = arrived_ms
                continue
            batch = ProducedBatch(
                sequence_after(last_sequence, -delta), last_sequence, last_offset - delta, last_offset, arrived_ms
            )
            producer.batches.append(batch)
        return states, transactions


def _parts(snapshot: bytes) -> tuple[bytes, bytes]:
    """The entries of producers, and what stands behind them. Raises ValueError."""
    begin = SUMMED_FROM + SNAPSHOT_COUNT.size
    if len(snapshot) < begin:
        raise ValueError("a producer snapshot is cut short")
    version, crc = SNAPSHOT_HEAD.unpack_from(snapshot)
    if version != SNAPSHOT_VERSION or crc32c(snapshot[SUMMED_FROM:]) != crc:
        raise ValueError("a producer snapshot has a wrong version or CRC")
    end = begin + SNAPSHOT_COUNT.unpack_from(snapshot, SUMMED_FROM)[0] * SNAPSHOT_ENTRY.size
    if not begin <= end <= len(snapshot):
        raise ValueError("a producer snapshot has a wrong count")
    return snapshot[begin:end], snapshot[end:]


def has_sequence(header: BatchHeader) -> bool:
    """Not without a producer, and not where the broker writes: markers, and offsets in transactions."""
    return header.producer_id != NO_PRODUCER and not header.attributes & CONTROL and header.base_sequence >= 0


def sequence_after(sequence: int, records: int) -> int:
    """The sequence `records` further on; sequences start again at 0 after 2^31 - 1."""
    return (sequence + records) % (MAX_SEQUENCE + 1)
