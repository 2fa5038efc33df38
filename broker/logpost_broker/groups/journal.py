"""How the groups' events stand in `__consumer_offsets`: offsets that are committed in a transaction in transactional
batches, the transaction's end as a marker."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterable, Sequence
from itertools import groupby

from logpost_broker.coordinator.outcome import Event
from logpost_broker.coordinator.record_fields import Reader
from logpost_broker.groups.offsets.events import OffsetCommitted, OffsetPending, TransactionEnded
from logpost_broker.groups.records import PlainEvent, from_record, to_record
from logpost_broker.log.batch import CONTROL, TRANSACTIONAL, BatchHeader
from logpost_broker.log.producer_identity import ProducerIdentity
from logpost_broker.log.records import COMMIT, Record, encoded_record, headed
from logpost_broker.partitions.internal_log import InternalLog

CONSUMER_OFFSETS = "__consumer_offsets"
ENCODED_AT_ONCE = 100


class GroupJournalFormat:
    topic = CONSUMER_OFFSETS

    def write(self, log: InternalLog, events: Sequence[Event]) -> asyncio.Future[None]:
        for producer, run in groupby(events, _producer_of):
            durable = _write_run(log, producer, run)
        return durable

    def read(self, header: BatchHeader, record: Record) -> Event:
        producer = ProducerIdentity(header.producer_id, header.producer_epoch)
        if header.attributes & CONTROL:
            return _read_marker(producer, record)
        event = from_record(record.key or b"", record.value)
        if not header.attributes & TRANSACTIONAL:
            return event
        if not isinstance(event, OffsetCommitted):
            raise ValueError("only offsets are committed in transactions")
        return OffsetPending(producer=producer, offset=event)

    def key(self, event: Event) -> bytes | None:
        """Offsets in transactions, which a state has last, and the ends of those keep their places."""
        return to_record(event)[0] if isinstance(event, PlainEvent) else None


def encoded(
    events: Sequence[OffsetCommitted | OffsetPending], now_ms: int, most_bytes: int
) -> Generator[None, None, bytes | None]:
    """The batch of a commit, built in steps; None where its records have more than `most_bytes`."""
    records: list[bytes] = []
    size = 0
    for delta, event in enumerate(events):
        if not delta % ENCODED_AT_ONCE:
            yield
        offset = event.offset if isinstance(event, OffsetPending) else event
        records.append(encoded_record(delta, *to_record(offset)))
        size += len(records[-1])
        if size > most_bytes:
            return None
    first = events[0]
    producer = first.producer if isinstance(first, OffsetPending) else None
    return headed(b"".join(records), len(records), now_ms, producer)


def _producer_of(event: Event) -> ProducerIdentity | TransactionEnded | None:
    """What is equal goes into one batch."""
    if isinstance(event, OffsetPending):
        return event.producer
    return event if isinstance(event, TransactionEnded) else None


def _write_run(
    log: InternalLog, producer: ProducerIdentity | TransactionEnded | None, events: Iterable[Event]
) -> asyncio.Future[None]:
    if isinstance(producer, TransactionEnded):
        return log.append_marker(
            producer.producer, coordinator_epoch=producer.coordinator_epoch, commit=producer.commit
        )
    plain = [event.offset if isinstance(event, OffsetPending) else event for event in events]
    return log.append([to_record(event) for event in plain if not isinstance(event, TransactionEnded)], producer)


def _read_marker(producer: ProducerIdentity, record: Record) -> TransactionEnded:
    """Kafka's EndTxnMarker and the key of a control record: versions come first, and later ones only add."""
    key, value = Reader(record.key or b""), Reader(record.value or b"")
    key.int16()
    commit = key.int16() == COMMIT
    value.int16()
    return TransactionEnded(producer=producer, coordinator_epoch=value.int32(), commit=commit)
