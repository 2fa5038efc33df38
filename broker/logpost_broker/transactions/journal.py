"""How the events of transactions stand in `__transaction_state`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from logpost_broker.log.batch import BatchHeader
from logpost_broker.log.records import Record
from logpost_broker.partitions.internal_log import InternalLog
from logpost_broker.transactions.events import Event
from logpost_broker.transactions.transaction_record import from_record, to_record

TRANSACTION_STATE = "__transaction_state"


class TransactionJournalFormat:
    topic = TRANSACTION_STATE

    def write(self, log: InternalLog, events: Sequence[Event]) -> asyncio.Future[None]:
        return log.append([to_record(event) for event in events])

    def read(self, header: BatchHeader, record: Record) -> Event:
        return from_record(record.key or b"", record.value)

    def key(self, event: Event) -> bytes | None:
        return to_record(event)[0]
