"""Events of consumer groups to records of `__consumer_offsets` and back: Kafka's schemas ConsumerGroup…Key and …Value,
types 3 and 5 to 8, and 16, all in version 0, as Kafka 4.3 has them. Type 4 is Kafka's before 4.1; it is not written.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable, Mapping, Sequence

from logpost_broker.coordinator.record_fields import (
    NO_TAGS,
    Reader,
    compact_array,
    compact_bytes,
    compact_nullable_string,
    compact_string,
    int32,
    int64,
    tagged_fields,
    unsigned_varint,
)
from logpost_broker.groups.consumer.events import (
    ClassicMember,
    ConsumerForgotten,
    ConsumerGroupEvent,
    CurrentStored,
    GroupEpochStored,
    MemberState,
    MemberStored,
    Partitions,
    RecordType,
    RegexResolved,
    TargetEpochStored,
    TargetStored,
    TopicIdPartition,
)
from logpost_broker.groups.modern.records import read, written

METADATA_HASH_TAG = 0
TIMESTAMP_TAG = 0
CLASSIC_MEMBER_TAG = 0
ASSIGNMENT_EPOCHS_TAG = 0
NO_CLASSIC_MEMBER = unsigned_varint(0)
"""A null, which Kafka writes although it is the default."""
A_CLASSIC_MEMBER = unsigned_varint(1)
KEY_TYPES = frozenset(type_.value for type_ in RecordType)
TYPES_OF_GROUPS = (RecordType.GROUP, RecordType.TARGET_EPOCH)


def consumer_group_record(event: ConsumerGroupEvent) -> tuple[bytes, bytes | None]:
    """Key and value; the value of what is forgotten is null."""
    return written(event, _value_of)


def _value_of(
    event: GroupEpochStored | MemberStored | TargetEpochStored | TargetStored | CurrentStored | RegexResolved,
) -> bytes:
    match event:
        case GroupEpochStored():
            fields = int32(event.epoch) + tagged_fields({METADATA_HASH_TAG: int64(event.metadata_hash)})
        case MemberStored():
            fields = _member_value(event)
        case TargetEpochStored():
            fields = int32(event.epoch) + tagged_fields({TIMESTAMP_TAG: int64(event.timestamp_ms)})
        case TargetStored():
            fields = _partitions(event.partitions) + NO_TAGS
        case CurrentStored():
            fields = (
                int32(event.epoch)
                + int32(event.previous_epoch)
                + bytes([event.state])
                + _partitions(event.assigned, event.assignment_epochs)
                + _partitions(event.revoking, event.assignment_epochs)
                + NO_TAGS
            )
        case RegexResolved():
            topics = compact_array([compact_string(topic) for topic in event.topics])
            fields = topics + int64(event.metadata_version) + int64(event.timestamp_ms) + NO_TAGS
    return fields


def _member_value(event: MemberStored) -> bytes:
    return (
        compact_nullable_string(event.instance_id)
        + compact_nullable_string(event.rack_id)
        + compact_string(event.client_id)
        + compact_string(event.client_host)
        + compact_array([compact_string(topic) for topic in event.topic_names])
        + compact_string(event.topic_regex)
        + int32(event.rebalance_timeout_ms)
        + compact_nullable_string(event.server_assignor)
        + tagged_fields({CLASSIC_MEMBER_TAG: _classic_member(event.classic)})
    )


def _classic_member(member: ClassicMember | None) -> bytes:
    if member is None:
        return NO_CLASSIC_MEMBER
    protocols = [compact_string(name) + compact_bytes(metadata) + NO_TAGS for name, metadata in member.protocols]
    return A_CLASSIC_MEMBER + int32(member.session_timeout_ms) + compact_array(protocols) + NO_TAGS


def _partitions(partitions: Partitions, epochs: Mapping[TopicIdPartition, int] | None = None) -> bytes:
    """`epochs`: those of KIP-1251, written for a topic where all of its partitions have one."""
    epochs = epochs or {}
    by_topic: dict[uuid.UUID, list[int]] = {}
    for topic, partition in sorted(partitions):
        by_topic.setdefault(topic, []).append(partition)
    return compact_array(
        [
            topic.bytes
            + compact_array([int32(index) for index in indexes])
            + _assignment_epochs([epochs.get((topic, index)) for index in indexes])
            for topic, indexes in by_topic.items()
        ]
    )


def _assignment_epochs(epochs: Sequence[int | None]) -> bytes:
    known = [int32(epoch) for epoch in epochs if epoch is not None]
    return tagged_fields({ASSIGNMENT_EPOCHS_TAG: compact_array(known)}) if len(known) == len(epochs) else NO_TAGS


def read_consumer_group_record(key_type: int, key: Reader, value: bytes | None) -> ConsumerGroupEvent:
    """`key` stands behind its type, one of KEY_TYPES. Raises ValueError for what is no such record."""
    type_ = RecordType(key_type)
    return read(type_, key, value, is_named=type_ not in TYPES_OF_GROUPS, forgotten=ConsumerForgotten, readers=_READERS)


def _read_group(group_id: str, _: str, reader: Reader) -> GroupEpochStored:
    epoch = reader.int32()
    return GroupEpochStored(
        group_id=group_id, epoch=epoch, metadata_hash=_tagged_int64(reader.tagged_fields(), METADATA_HASH_TAG)
    )


def _read_member(group_id: str, member_id: str, reader: Reader) -> MemberStored:
    return MemberStored(
        group_id=group_id,
        member_id=member_id,
        instance_id=reader.nullable_string(),
        rack_id=reader.nullable_string(),
        client_id=reader.string(),
        client_host=reader.string(),
        topic_names=_strings(reader),
        topic_regex=reader.nullable_string() or "",
        rebalance_timeout_ms=reader.int32(),
        server_assignor=reader.nullable_string(),
        classic=_read_classic_member(reader.tagged_fields().get(CLASSIC_MEMBER_TAG, NO_CLASSIC_MEMBER)),
    )


def _read_classic_member(field: bytes) -> ClassicMember | None:
    if field == NO_CLASSIC_MEMBER:
        return None
    reader = Reader(field, flexible=True)
    reader.take(len(A_CLASSIC_MEMBER))
    return ClassicMember(
        session_timeout_ms=reader.int32(),
        protocols=tuple(_read_protocol(reader) for _ in range(reader.array_length())),
    )


def _read_protocol(reader: Reader) -> tuple[str, bytes]:
    protocol = reader.string(), reader.byte_field()
    reader.tagged_fields()
    return protocol


def _read_target_epoch(group_id: str, _: str, reader: Reader) -> TargetEpochStored:
    epoch = reader.int32()
    return TargetEpochStored(
        group_id=group_id, epoch=epoch, timestamp_ms=_tagged_int64(reader.tagged_fields(), TIMESTAMP_TAG)
    )


def _read_target(group_id: str, member_id: str, reader: Reader) -> TargetStored:
    return TargetStored(group_id=group_id, member_id=member_id, partitions=frozenset(_read_partitions(reader)))


def _read_current(group_id: str, member_id: str, reader: Reader) -> CurrentStored:
    epoch, previous_epoch, state = reader.int32(), reader.int32(), MemberState(reader.take(1)[0])
    assigned, revoking = _read_partitions(reader), _read_partitions(reader)
    return CurrentStored(
        group_id=group_id,
        member_id=member_id,
        epoch=epoch,
        previous_epoch=previous_epoch,
        state=state,
        assigned=frozenset(assigned),
        revoking=frozenset(revoking),
        assignment_epochs={
            place: since for place, since in [*assigned.items(), *revoking.items()] if since is not None
        },
    )


def _read_regex(group_id: str, regex: str, reader: Reader) -> RegexResolved:
    return RegexResolved(
        group_id=group_id,
        regex=regex,
        topics=_strings(reader),
        metadata_version=reader.int64(),
        timestamp_ms=reader.int64(),
    )


_READERS: Mapping[RecordType, Callable[[str, str, Reader], ConsumerGroupEvent]] = {
    RecordType.GROUP: _read_group,
    RecordType.MEMBER: _read_member,
    RecordType.TARGET_EPOCH: _read_target_epoch,
    RecordType.TARGET: _read_target,
    RecordType.CURRENT: _read_current,
    RecordType.REGULAR_EXPRESSION: _read_regex,
}


def _strings(reader: Reader) -> tuple[str, ...]:
    return tuple(reader.string() for _ in range(reader.array_length()))


def _read_partitions(reader: Reader) -> dict[TopicIdPartition, int | None]:
    """Partition → the epoch since which the member has it, None where that is not told."""
    partitions: dict[TopicIdPartition, int | None] = {}
    for _ in range(reader.array_length()):
        topic = uuid.UUID(bytes=reader.take(16))
        indexes = [reader.int32() for _ in range(reader.array_length())]
        packed = Reader(reader.tagged_fields().get(ASSIGNMENT_EPOCHS_TAG, b"\0"), flexible=True)
        length = packed.nullable_array_length()
        if length not in (None, len(indexes)):
            raise ValueError(f"{length} assignment epochs of {len(indexes)} partitions")
        partitions |= {(topic, index): None if length is None else packed.int32() for index in indexes}
    return partitions


def _tagged_int64(fields: Mapping[int, bytes], tag: int) -> int:
    """0 where it is not there, as the schemas say."""
    packed = fields.get(tag)
    if packed is not None and len(packed) != 8:
        raise ValueError(f"a tagged int64 of {len(packed)} bytes")
    return 0 if packed is None else int(struct.unpack(">q", packed)[0])
