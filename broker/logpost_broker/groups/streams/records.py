"""Events of streams groups to records of `__consumer_offsets` and back: Kafka's schemas StreamsGroup…Key and …Value,
types 17 and 19 to 23, all in version 0, as Kafka 4.3 has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

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
from logpost_broker.groups.streams.events import (
    NO_TOPOLOGY_EPOCH,
    Endpoint,
    StreamsCurrentStored,
    StreamsForgotten,
    StreamsGroupEvent,
    StreamsGroupStored,
    StreamsMemberState,
    StreamsMemberStored,
    StreamsRecordType,
    StreamsTargetEpochStored,
    StreamsTargetStored,
    StreamsTopologyStored,
)
from logpost_broker.groups.streams.tasks import TaskId, Tasks, TaskSet, by_subtopology
from logpost_broker.groups.streams.topology_record import read_topology, topology_value

NULL, PRESENT = b"\xff", b"\x01"
"""Before a struct that may be null."""
VALIDATED_EPOCH_TAG, ASSIGNMENT_CONFIGS_TAG = 0, 1
TIMESTAMP_TAG = 0
ASSIGNMENT_EPOCHS_TAG = 0
KEY_TYPES = frozenset(type_.value for type_ in StreamsRecordType)
TYPES_OF_MEMBERS = (StreamsRecordType.MEMBER, StreamsRecordType.TARGET, StreamsRecordType.CURRENT)


def streams_group_record(event: StreamsGroupEvent) -> tuple[bytes, bytes | None]:
    """Key and value; the value of what is forgotten is null."""
    return written(event, _fields_of)


def _fields_of(
    event: StreamsGroupStored
    | StreamsTopologyStored
    | StreamsMemberStored
    | StreamsTargetEpochStored
    | StreamsTargetStored
    | StreamsCurrentStored,
) -> bytes:
    match event:
        case StreamsGroupStored():
            return _group_value(event)
        case StreamsTopologyStored():
            return topology_value(event.topology)
        case StreamsMemberStored():
            return _member_value(event)
        case StreamsTargetEpochStored():
            tags = {TIMESTAMP_TAG: int64(event.timestamp_ms)} if event.timestamp_ms else {}
            return int32(event.epoch) + tagged_fields(tags)
        case StreamsTargetStored():
            return _roles(event.tasks) + NO_TAGS
        case StreamsCurrentStored():
            head = int32(event.epoch) + int32(event.previous_epoch) + bytes([event.state])
            return (
                head + _roles_with_epochs(event.assigned, event) + _roles_with_epochs(event.revoking, event) + NO_TAGS
            )


def _group_value(event: StreamsGroupStored) -> bytes:
    tags: dict[int, bytes] = {}
    if event.validated_topology_epoch != NO_TOPOLOGY_EPOCH:
        tags[VALIDATED_EPOCH_TAG] = int32(event.validated_topology_epoch)
    if event.assignment_configs:
        tags[ASSIGNMENT_CONFIGS_TAG] = _pairs(event.assignment_configs)
    return int32(event.epoch) + int64(event.metadata_hash) + tagged_fields(tags)


def _member_value(event: StreamsMemberStored) -> bytes:
    return (
        compact_nullable_string(event.instance_id)
        + compact_nullable_string(event.rack_id)
        + compact_string(event.client_id)
        + compact_string(event.client_host)
        + int32(event.rebalance_timeout_ms)
        + int32(event.topology_epoch)
        + compact_string(event.process_id)
        + _endpoint(event.user_endpoint)
        + _pairs(event.client_tags)
        + NO_TAGS
    )


def _endpoint(endpoint: Endpoint | None) -> bytes:
    if endpoint is None:
        return NULL
    return PRESENT + compact_string(endpoint.host) + endpoint.port.to_bytes(2, "big") + NO_TAGS


def _pairs(pairs: Iterable[tuple[str, str]]) -> bytes:
    return compact_array([compact_string(key) + compact_string(value) + NO_TAGS for key, value in pairs])


def _roles(tasks: Tasks) -> bytes:
    return _task_ids(tasks.active) + _task_ids(tasks.standby) + _task_ids(tasks.warmup)


def _roles_with_epochs(tasks: Tasks, event: StreamsCurrentStored) -> bytes:
    return _task_ids(tasks.active, event.assignment_epochs) + _task_ids(tasks.standby) + _task_ids(tasks.warmup)


def _task_ids(tasks: TaskSet, epochs: Mapping[TaskId, int] | None = None) -> bytes:
    return compact_array(
        [
            compact_string(part_id)
            + compact_array([int32(partition) for partition in partitions])
            + _epochs([(part_id, partition) for partition in partitions], epochs)
            for part_id, partitions in by_subtopology(tasks).items()
        ]
    )


def _epochs(tasks: list[TaskId], epochs: Mapping[TaskId, int] | None) -> bytes:
    """KIP-1251; active tasks have them."""
    if epochs is None:
        return NO_TAGS
    return tagged_fields({ASSIGNMENT_EPOCHS_TAG: compact_array([int32(epochs[task]) for task in tasks])})


def read_streams_group_record(key_type: int, key: Reader, value: bytes | None) -> StreamsGroupEvent:
    """`key` stands behind its type, one of KEY_TYPES. Raises ValueError for what is no such record."""
    type_ = StreamsRecordType(key_type)
    return read(type_, key, value, is_named=type_ in TYPES_OF_MEMBERS, forgotten=StreamsForgotten, readers=_READERS)


def _read_group(group_id: str, _: str, reader: Reader) -> StreamsGroupStored:
    epoch, metadata_hash = reader.int32(), reader.int64()
    tags = reader.tagged_fields()
    validated = tags.get(VALIDATED_EPOCH_TAG)
    return StreamsGroupStored(
        group_id=group_id,
        epoch=epoch,
        metadata_hash=metadata_hash,
        validated_topology_epoch=NO_TOPOLOGY_EPOCH if validated is None else Reader(validated).int32(),
        assignment_configs=_read_pairs(Reader(tags.get(ASSIGNMENT_CONFIGS_TAG, b"\x01"), flexible=True)),
    )


def _read_topology(group_id: str, _: str, reader: Reader) -> StreamsTopologyStored:
    return StreamsTopologyStored(group_id=group_id, topology=read_topology(reader))


def _read_member(group_id: str, member_id: str, reader: Reader) -> StreamsMemberStored:
    return StreamsMemberStored(
        group_id=group_id,
        member_id=member_id,
        instance_id=reader.nullable_string(),
        rack_id=reader.nullable_string(),
        client_id=reader.string(),
        client_host=reader.string(),
        rebalance_timeout_ms=reader.int32(),
        topology_epoch=reader.int32(),
        process_id=reader.string(),
        user_endpoint=_read_endpoint(reader),
        client_tags=_read_pairs(reader),
    )


def _read_endpoint(reader: Reader) -> Endpoint | None:
    if reader.take(1) == NULL:
        return None
    endpoint = Endpoint(reader.string(), int.from_bytes(reader.take(2), "big"))
    reader.tagged_fields()
    return endpoint


def _read_target_epoch(group_id: str, _: str, reader: Reader) -> StreamsTargetEpochStored:
    epoch = reader.int32()
    timestamp = reader.tagged_fields().get(TIMESTAMP_TAG)
    timestamp_ms = 0 if timestamp is None else Reader(timestamp).int64()
    return StreamsTargetEpochStored(group_id=group_id, epoch=epoch, timestamp_ms=timestamp_ms)


def _read_target(group_id: str, member_id: str, reader: Reader) -> StreamsTargetStored:
    tasks, _ = _read_roles(reader)
    return StreamsTargetStored(group_id=group_id, member_id=member_id, tasks=tasks)


def _read_current(group_id: str, member_id: str, reader: Reader) -> StreamsCurrentStored:
    epoch, previous_epoch, state = reader.int32(), reader.int32(), StreamsMemberState(reader.take(1)[0])
    assigned, epochs = _read_roles(reader)
    revoking, revoking_epochs = _read_roles(reader)
    return StreamsCurrentStored(
        group_id=group_id,
        member_id=member_id,
        epoch=epoch,
        previous_epoch=previous_epoch,
        state=state,
        assigned=assigned,
        revoking=revoking,
        # Kafka before 4.3 wrote none: what a member had then it has had since its epoch.
        assignment_epochs=dict.fromkeys(assigned.active | revoking.active, epoch) | epochs | revoking_epochs,
    )


def _read_pairs(reader: Reader) -> tuple[tuple[str, str], ...]:
    pairs = []
    for _ in range(reader.array_length()):
        pairs.append((reader.string(), reader.string()))
        reader.tagged_fields()
    return tuple(pairs)


def _read_roles(reader: Reader) -> tuple[Tasks, dict[TaskId, int]]:
    (active, epochs), (standby, _), (warmup, _) = (_read_task_ids(reader) for _ in range(3))
    return Tasks(active=active, standby=standby, warmup=warmup), epochs


def _read_task_ids(reader: Reader) -> tuple[TaskSet, dict[TaskId, int]]:
    tasks: list[TaskId] = []
    epochs: dict[TaskId, int] = {}
    for _ in range(reader.array_length()):
        part_id = reader.string()
        part = [(part_id, reader.int32()) for _ in range(reader.array_length())]
        packed = Reader(reader.tagged_fields().get(ASSIGNMENT_EPOCHS_TAG, b"\0"), flexible=True)
        length = packed.nullable_array_length()
        if length not in (None, len(part)):
            raise ValueError(f"{length} assignment epochs of {len(part)} tasks")
        epochs |= {task: packed.int32() for task in part if length is not None}
        tasks += part
    return frozenset(tasks), epochs


_READERS: Mapping[StreamsRecordType, Callable[[str, str, Reader], StreamsGroupEvent]] = {
    StreamsRecordType.GROUP: _read_group,
    StreamsRecordType.TOPOLOGY: _read_topology,
    StreamsRecordType.MEMBER: _read_member,
    StreamsRecordType.TARGET_EPOCH: _read_target_epoch,
    StreamsRecordType.TARGET: _read_target,
    StreamsRecordType.CURRENT: _read_current,
}
