"""Events of share groups' members to records of `__consumer_offsets` and back: Kafka's schemas ShareGroup…Key and
…Value, types 10 to 14, all in version 0, as Kafka 4.3 has them. Type 15 tells which share partitions have begun: here
that is what `__share_group_state` has, and it is not written.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping

from logpost_broker.coordinator.record_fields import (
    NO_TAGS,
    Reader,
    compact_array,
    compact_nullable_string,
    compact_string,
    int32,
    int64,
    tagged_fields,
)
from logpost_broker.groups.modern.records import read, written
from logpost_broker.groups.share.assignor import Assignment
from logpost_broker.groups.share.member_events import (
    ShareCurrentStored,
    ShareForgotten,
    ShareGroupEvent,
    ShareGroupStored,
    ShareMemberStored,
    ShareRecordType,
    ShareTargetEpochStored,
    ShareTargetStored,
)

TIMESTAMP_TAG = 0
STABLE = b"\0"
"""The one state of a member: nobody has to let go a partition before another may fetch from it."""
KEY_TYPES = frozenset(type_.value for type_ in ShareRecordType)
TYPES_OF_GROUPS = (ShareRecordType.GROUP, ShareRecordType.TARGET_EPOCH)


def share_group_record(event: ShareGroupEvent) -> tuple[bytes, bytes | None]:
    """Key and value; the value of what is forgotten is null."""
    return written(event, lambda event: _fields_of(event) + _tags_of(event))


def _fields_of(
    event: ShareGroupStored | ShareMemberStored | ShareTargetEpochStored | ShareTargetStored | ShareCurrentStored,
) -> bytes:
    match event:
        case ShareGroupStored():
            return int32(event.epoch) + int64(event.metadata_hash)
        case ShareMemberStored():
            client = compact_string(event.client_id) + compact_string(event.client_host)
            topics = compact_array([compact_string(name) for name in event.topic_names])
            return compact_nullable_string(event.rack_id) + client + topics
        case ShareTargetEpochStored():
            return int32(event.epoch)
        case ShareTargetStored():
            return _partitions(event.assignment)
        case ShareCurrentStored():
            return int32(event.epoch) + int32(event.previous_epoch) + STABLE + _partitions(event.assignment)


def _tags_of(event: ShareGroupEvent) -> bytes:
    if isinstance(event, ShareTargetEpochStored):
        return tagged_fields({TIMESTAMP_TAG: int64(event.timestamp_ms)})
    return NO_TAGS


def _partitions(assignment: Assignment) -> bytes:
    return compact_array(
        [
            topic_id.bytes + compact_array([int32(number) for number in numbers]) + NO_TAGS
            for topic_id, numbers in sorted(assignment.items())
        ]
    )


def read_share_group_record(key_type: int, key: Reader, value: bytes | None) -> ShareGroupEvent:
    """`key` stands behind its type, one of KEY_TYPES. Raises ValueError for what is no such record."""
    type_ = ShareRecordType(key_type)
    return read(type_, key, value, is_named=type_ not in TYPES_OF_GROUPS, forgotten=ShareForgotten, readers=_READERS)


def _read_group(group_id: str, _: str, reader: Reader) -> ShareGroupStored:
    return ShareGroupStored(group_id=group_id, epoch=reader.int32(), metadata_hash=reader.int64())


def _read_member(group_id: str, member_id: str, reader: Reader) -> ShareMemberStored:
    return ShareMemberStored(
        group_id=group_id,
        member_id=member_id,
        rack_id=reader.nullable_string(),
        client_id=reader.string(),
        client_host=reader.string(),
        topic_names=tuple(reader.string() for _ in range(reader.array_length())),
    )


def _read_target_epoch(group_id: str, _: str, reader: Reader) -> ShareTargetEpochStored:
    epoch, timestamp = reader.int32(), reader.tagged_fields().get(TIMESTAMP_TAG)
    timestamp_ms = 0 if timestamp is None else Reader(timestamp).int64()
    return ShareTargetEpochStored(group_id=group_id, epoch=epoch, timestamp_ms=timestamp_ms)


def _read_target(group_id: str, member_id: str, reader: Reader) -> ShareTargetStored:
    return ShareTargetStored(group_id=group_id, member_id=member_id, assignment=_read_partitions(reader))


def _read_current(group_id: str, member_id: str, reader: Reader) -> ShareCurrentStored:
    epoch, previous_epoch = reader.int32(), reader.int32()
    reader.take(len(STABLE))
    return ShareCurrentStored(
        group_id=group_id,
        member_id=member_id,
        epoch=epoch,
        previous_epoch=previous_epoch,
        assignment=_read_partitions(reader),
    )


def _read_partitions(reader: Reader) -> Assignment:
    assignment = {}
    for _ in range(reader.array_length()):
        topic_id = uuid.UUID(bytes=reader.take(16))
        assignment[topic_id] = tuple(reader.int32() for _ in range(reader.array_length()))
        reader.tagged_fields()
    return assignment


_READERS: Mapping[ShareRecordType, Callable[[str, str, Reader], ShareGroupEvent]] = {
    ShareRecordType.GROUP: _read_group,
    ShareRecordType.MEMBER: _read_member,
    ShareRecordType.TARGET_EPOCH: _read_target_epoch,
    ShareRecordType.TARGET: _read_target,
    ShareRecordType.CURRENT: _read_current,
}
