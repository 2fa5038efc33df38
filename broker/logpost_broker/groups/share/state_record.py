"""The records of `__share_group_state`: Kafka's ShareSnapshot (type 0) and ShareUpdate (type 1), version 0."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from logpost_broker.coordinator.record_fields import (
    NO_TAGS,
    Reader,
    compact_array,
    int16,
    int32,
    int64,
    string,
    tagged_fields,
)
from logpost_broker.groups.share.events import (
    Place,
    RecordState,
    ShareDeleted,
    ShareEvent,
    ShareSnapshotted,
    ShareUpdated,
    StateBatch,
)

SNAPSHOT, UPDATE = 0, 1
VALUE_VERSION = 0
DELIVERY_COMPLETE_COUNT = 0
"""The number of a tagged field (KIP-1226)."""
NOT_COUNTED = -1


def to_record(event: ShareEvent) -> tuple[bytes, bytes | None]:
    """Key and value; the value of what was deleted is null."""
    kind = UPDATE if isinstance(event, ShareUpdated) else SNAPSHOT
    place = event.place
    key = int16(kind) + string(place.group_id) + place.topic_id.bytes + int32(place.partition)
    if isinstance(event, ShareDeleted):
        return key, None
    return key, int16(VALUE_VERSION) + (_update(event) if isinstance(event, ShareUpdated) else _snapshot(event))


def _update(event: ShareUpdated) -> bytes:
    return (
        int32(event.snapshot_epoch)
        + int32(event.leader_epoch)
        + int64(event.start_offset)
        + _batches(event.batches)
        + tagged_fields({DELIVERY_COMPLETE_COUNT: int32(event.delivery_complete_count)})
    )


def _snapshot(event: ShareSnapshotted) -> bytes:
    return (
        int32(event.snapshot_epoch)
        + int32(event.state_epoch)
        + int32(event.leader_epoch)
        + int64(event.start_offset)
        + int64(event.created_ms)
        + int64(event.written_ms)
        + _batches(event.batches)
        + tagged_fields({DELIVERY_COMPLETE_COUNT: int32(event.delivery_complete_count)})
    )


def _batches(batches: Iterable[StateBatch]) -> bytes:
    return compact_array(
        [
            int64(batch.first_offset)
            + int64(batch.last_offset)
            + bytes([batch.state])
            + int16(batch.delivery_count)
            + NO_TAGS
            for batch in batches
        ]
    )


def from_record(key: bytes, value: bytes | None) -> ShareEvent:
    """Raises ValueError for what is no such record."""
    reader = Reader(key)
    kind = reader.int16()
    if kind not in (SNAPSHOT, UPDATE):
        raise ValueError(f"a record of type {kind} is not known")
    place = Place(reader.string(), uuid.UUID(bytes=reader.take(16)), reader.int32())
    if value is None:
        return ShareDeleted(place=place)
    version = int.from_bytes(value[:2], "big")
    if version != VALUE_VERSION:
        raise ValueError(f"version {version} of a record of type {kind} is not known")
    fields = Reader(value[2:], flexible=True)
    return _read_snapshot(place, fields) if kind == SNAPSHOT else _read_update(place, fields)


def _read_snapshot(place: Place, reader: Reader) -> ShareSnapshotted:
    snapshot_epoch, state_epoch, leader_epoch = reader.int32(), reader.int32(), reader.int32()
    start_offset, created_ms, written_ms = reader.int64(), reader.int64(), reader.int64()
    batches = _read_batches(reader)
    return ShareSnapshotted(
        place=place,
        snapshot_epoch=snapshot_epoch,
        state_epoch=state_epoch,
        leader_epoch=leader_epoch,
        start_offset=start_offset,
        delivery_complete_count=_read_count(reader),
        created_ms=created_ms,
        written_ms=written_ms,
        batches=batches,
    )


def _read_update(place: Place, reader: Reader) -> ShareUpdated:
    snapshot_epoch, leader_epoch, start_offset = reader.int32(), reader.int32(), reader.int64()
    batches = _read_batches(reader)
    return ShareUpdated(
        place=place,
        snapshot_epoch=snapshot_epoch,
        leader_epoch=leader_epoch,
        start_offset=start_offset,
        delivery_complete_count=_read_count(reader),
        batches=batches,
    )


def _read_batches(reader: Reader) -> tuple[StateBatch, ...]:
    return tuple(_read_batch(reader) for _ in range(reader.array_length()))


def _read_batch(reader: Reader) -> StateBatch:
    first, last = reader.int64(), reader.int64()
    state = RecordState(reader.take(1)[0])
    batch = StateBatch(first, last, state, reader.int16())
    reader.tagged_fields()
    return batch


def _read_count(reader: Reader) -> int:
    tagged = reader.tagged_fields().get(DELIVERY_COMPLETE_COUNT)
    return NOT_COUNTED if tagged is None else int.from_bytes(tagged, "big", signed=True)
