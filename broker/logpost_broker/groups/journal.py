"""How the groups' events stand in `__consumer_offsets`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from logpost_broker.groups.events import Event
from logpost_broker.groups.records import from_record, to_record
from logpost_broker.log.batch import BatchHeader
from logpost_broker.log.records import Record
from logpost_broker.node import InternalLog

CONSUMER_OFFSETS = "__consumer_offsets"


class GroupJournalFormat:
    topic = CONSUMER_OFFSETS

    def write(self, log: InternalLog, events: Sequence[Event]) -> asyncio.Future[None]:
        return log.append([to_record(event) for event in events])

    def read(self, header: BatchHeader, record: Record) -> Event:
        return from_record(record.key or b"", record.value)
