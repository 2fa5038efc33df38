"""How share partitions stand in `__share_group_state`: as Kafka's, a topic that is not compacted, because every update
counts until the next snapshot. The journal drops what lies before the last whole state."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence

from logpost_broker.groups.share.events import ShareEvent
from logpost_broker.groups.share.state_record import from_record, to_record
from logpost_broker.log.batch import BatchHeader
from logpost_broker.log.records import Record
from logpost_broker.partitions.internal_log import SEGMENT_BYTES, InternalLog
from logpost_broker.partitions.partitions import Partitions

SHARE_GROUP_STATE = "__share_group_state"
CONFIGS = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "segment.bytes": str(SEGMENT_BYTES),
}

logger = logging.getLogger("broker")


class ShareJournalFormat:
    topic = SHARE_GROUP_STATE

    def write(self, log: InternalLog, events: Sequence[ShareEvent]) -> asyncio.Future[None]:
        return log.append([to_record(event) for event in events])

    def read(self, header: BatchHeader, record: Record) -> ShareEvent:
        return from_record(record.key or b"", record.value)

    def key(self, event: ShareEvent) -> bytes | None:
        """An update counts from the snapshot before it on."""
        return None


def replay(partitions: Partitions) -> Iterator[ShareEvent]:
    """All events, in their order. A record that cannot be read is reported and left out."""
    log = partitions.find_internal_log(SHARE_GROUP_STATE)
    for _, record in () if log is None else log.records():
        try:
            yield from_record(record.key or b"", record.value)
        except ValueError as error:
            logger.error("%s offset %d is left out: %s", SHARE_GROUP_STATE, record.offset, error)


def make_topic(partitions: Partitions) -> None:
    """Where it is not. Raises ApiError."""
    if partitions.topics.by_name(SHARE_GROUP_STATE) is None:
        partitions.create_topic(SHARE_GROUP_STATE, 1, CONFIGS, internal=True)
