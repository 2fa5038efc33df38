"""Events to records of `__consumer_offsets` and back."""

from __future__ import annotations

from logpost_broker.coordinator.outcome import Event
from logpost_broker.coordinator.record_fields import Reader
from logpost_broker.groups.classic.events import GroupDeleted, GroupStored
from logpost_broker.groups.classic.records import GROUP_METADATA_KEY, group_key, group_value, read_group
from logpost_broker.groups.consumer.events import ConsumerGroupEvent
from logpost_broker.groups.consumer.records import (
    KEY_TYPES,
    consumer_group_record,
    read_consumer_group_record,
)
from logpost_broker.groups.offsets.events import OffsetCommitted, OffsetDeleted
from logpost_broker.groups.offsets.records import (
    LEGACY_OFFSET_COMMIT_KEY,
    OFFSET_COMMIT_KEY,
    offset_key,
    offset_value,
    read_offset,
)
from logpost_broker.groups.share.member_events import ShareGroupEvent
from logpost_broker.groups.share.member_records import KEY_TYPES as SHARE_KEY_TYPES
from logpost_broker.groups.share.member_records import read_share_group_record, share_group_record
from logpost_broker.groups.streams.events import StreamsGroupEvent
from logpost_broker.groups.streams.records import KEY_TYPES as STREAMS_KEY_TYPES
from logpost_broker.groups.streams.records import read_streams_group_record, streams_group_record

PlainEvent = (
    GroupStored
    | GroupDeleted
    | OffsetCommitted
    | OffsetDeleted
    | ConsumerGroupEvent
    | StreamsGroupEvent
    | ShareGroupEvent
)
"""What is one record, whatever its batch says."""


def to_record(event: Event) -> tuple[bytes, bytes | None]:
    """Key and value; the value of what was deleted is null."""
    if isinstance(event, GroupStored | GroupDeleted):
        return group_key(event), group_value(event) if isinstance(event, GroupStored) else None
    if isinstance(event, ConsumerGroupEvent):
        return consumer_group_record(event)
    if isinstance(event, StreamsGroupEvent):
        return streams_group_record(event)
    if isinstance(event, ShareGroupEvent):
        return share_group_record(event)
    assert isinstance(event, OffsetCommitted | OffsetDeleted)
    return offset_key(event), offset_value(event) if isinstance(event, OffsetCommitted) else None


def from_record(key: bytes, value: bytes | None) -> PlainEvent:
    """Raises ValueError for a record of another type, and for a malformed one."""
    reader = Reader(key)
    key_type = reader.int16()
    if key_type in (OFFSET_COMMIT_KEY, LEGACY_OFFSET_COMMIT_KEY):
        return read_offset(reader, value)
    if key_type == GROUP_METADATA_KEY:
        return read_group(reader, value)
    if key_type in KEY_TYPES:
        return read_consumer_group_record(key_type, reader, value)
    if key_type in STREAMS_KEY_TYPES:
        return read_streams_group_record(key_type, reader, value)
    if key_type in SHARE_KEY_TYPES:
        return read_share_group_record(key_type, reader, value)
    raise ValueError(f"a record of type {key_type} is not known")
