"""The records of committed offsets: Kafka's OffsetCommitKey (types 0 and 1) and OffsetCommitValue (written as version
3, read in versions 0 to 4)."""

from __future__ import annotations

from logpost_broker.coordinator.record_fields import Reader, int16, int32, int64, string
from logpost_broker.groups.offsets.events import OffsetCommitted, OffsetDeleted

OFFSET_COMMIT_KEY = 1
LEGACY_OFFSET_COMMIT_KEY = 0
"""Written by Kafka before 0.8.3, with the same fields."""
VALUE_VERSION = 3
NEWEST_VALUE_VERSION = 4
FIRST_FLEXIBLE_VERSION = 4


def offset_key(event: OffsetCommitted | OffsetDeleted) -> bytes:
    return int16(OFFSET_COMMIT_KEY) + string(event.group_id) + string(event.topic) + int32(event.partition)


def offset_value(event: OffsetCommitted) -> bytes:
    return (
        int16(VALUE_VERSION)
        + int64(event.offset)
        + int32(event.leader_epoch)
        + string(event.metadata)
        + int64(event.commit_timestamp_ms)
    )


def read_offset(key: Reader, value: bytes | None) -> OffsetCommitted | OffsetDeleted:
    """`key` stands behind its type. Raises ValueError for what is no such record."""
    group_id, topic, partition = key.string(), key.string(), key.int32()
    if value is None:
        return OffsetDeleted(group_id=group_id, topic=topic, partition=partition)
    version = int.from_bytes(value[:2], "big")
    if version > NEWEST_VALUE_VERSION:
        raise ValueError(f"OffsetCommitValue version {version} is not known")
    reader = Reader(value[2:], flexible=version >= FIRST_FLEXIBLE_VERSION)
    return OffsetCommitted(
        group_id=group_id,
        topic=topic,
        partition=partition,
        offset=reader.int64(),
        leader_epoch=reader.int32() if version >= 3 else -1,
        metadata=reader.string(),
        commit_timestamp_ms=reader.int64(),
    )
