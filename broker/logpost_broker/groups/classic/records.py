"""The records of groups: Kafka's GroupMetadataKey (type 2) and GroupMetadataValue (written as version 3, read in
versions 0 to 4)."""

from __future__ import annotations

from logpost_broker.coordinator.record_fields import Reader, byte_field, int16, int32, int64, string
from logpost_broker.groups.classic.events import GroupDeleted, GroupStored, StoredMember

GROUP_METADATA_KEY = 2
VALUE_VERSION = 3
NEWEST_VALUE_VERSION = 4
FIRST_FLEXIBLE_VERSION = 4


def group_key(event: GroupStored | GroupDeleted) -> bytes:
    return int16(GROUP_METADATA_KEY) + string(event.group_id)


def group_value(event: GroupStored) -> bytes:
    return (
        int16(VALUE_VERSION)
        + string(event.protocol_type)
        + int32(event.generation)
        + string(event.protocol)
        + string(event.leader)
        + int64(event.state_since_ms)
        + int32(len(event.members))
        + b"".join(_member(member) for member in event.members)
    )


def _member(member: StoredMember) -> bytes:
    return (
        string(member.member_id)
        + string(member.instance_id)
        + string(member.client_id)
        + string(member.client_host)
        + int32(member.rebalance_timeout_ms)
        + int32(member.session_timeout_ms)
        + byte_field(member.subscription)
        + byte_field(member.assignment)
    )


def read_group(key: Reader, value: bytes | None) -> GroupStored | GroupDeleted:
    """`key` stands behind its type. Raises ValueError for what is no such record."""
    group_id = key.string()
    if value is None:
        return GroupDeleted(group_id=group_id)
    version = int.from_bytes(value[:2], "big")
    if version > NEWEST_VALUE_VERSION:
        raise ValueError(f"GroupMetadataValue version {version} is not known")
    reader = Reader(value[2:], flexible=version >= FIRST_FLEXIBLE_VERSION)
    return GroupStored(
        group_id=group_id,
        protocol_type=reader.string(),
        generation=reader.int32(),
        protocol=reader.nullable_string(),
        leader=reader.nullable_string(),
        state_since_ms=reader.int64() if version >= 2 else -1,
        members=tuple(_read_member(reader, version) for _ in range(reader.array_length())),
    )


def _read_member(reader: Reader, version: int) -> StoredMember:
    member_id = reader.string()
    instance_id = reader.nullable_string() if version >= 3 else None
    client_id, client_host = reader.string(), reader.string()
    rebalance_timeout_ms = reader.int32() if version >= 1 else -1
    session_timeout_ms = reader.int32()
    subscription, assignment = reader.byte_field(), reader.byte_field()
    reader.tagged_fields()
    return StoredMember(
        member_id=member_id,
        instance_id=instance_id,
        client_id=client_id,
        client_host=client_host,
        # Version 0 has one timeout for both.
        rebalance_timeout_ms=session_timeout_ms if rebalance_timeout_ms < 0 else rebalance_timeout_ms,
        session_timeout_ms=session_timeout_ms,
        subscription=subscription,
        assignment=assignment,
    )
