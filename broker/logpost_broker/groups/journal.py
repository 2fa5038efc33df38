"""How the groups' events stand in `__consumer_offsets`: offsets that are committed in a transaction in transactional
batches, the transaction's end as a marker."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from itertools import groupby

from logpost_broker.groups.events import Event, OffsetCommitted, OffsetPending, TransactionEnded
from logpost_broker.groups.record_fields import Reader
from logpost_broker.groups.records import PlainEvent, from_record, to_record
from logpost_broker.log.batch import CONTROL, TRANSACTIONAL, BatchHeader
from logpost_broker.log.records import COMMIT, Record
from logpost_broker.node import InternalLog
from logpost_broker.producer_identity import ProducerIdentity

CONSUMER_OFFSETS = "__consumer_offsets"


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
