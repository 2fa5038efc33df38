"""The records of transactions: Kafka's TransactionLogKey (type 0) and TransactionLogValue (written as version 1,
read in versions 0 and 1)."""

from __future__ import annotations

from logpost_broker.coordinator.record_fields import (
    NO_TAGS,
    Reader,
    compact_array,
    compact_int32_array,
    compact_string,
    int16,
    int32,
    int64,
    string,
    tagged_fields,
)
from logpost_broker.transactions.events import (
    NO_PRODUCER_ID,
    Event,
    TopicPartition,
    TransactionForgotten,
    TransactionStored,
)
from logpost_broker.transactions.states import TransactionState

TRANSACTION_KEY = 0
VALUE_VERSION = 1
FIRST_FLEXIBLE_VERSION = 1
PREVIOUS_PRODUCER_ID, NEXT_PRODUCER_ID, CLIENT_TRANSACTION_VERSION = 0, 1, 2
"""The numbers of tagged fields."""
PROTOCOL_V2 = 2
STATES = (
    TransactionState.EMPTY,
    TransactionState.ONGOING,
    TransactionState.PREPARE_COMMIT,
    TransactionState.PREPARE_ABORT,
    TransactionState.COMPLETE_COMMIT,
    TransactionState.COMPLETE_ABORT,
    TransactionState.DEAD,
)
"""In the order of their numbers."""


def to_record(event: Event) -> tuple[bytes, bytes | None]:
    """Key and value; the value of an id that was forgotten is null."""
    key = int16(TRANSACTION_KEY) + string(event.transactional_id)
    return key, _value(event) if isinstance(event, TransactionStored) else None


def _value(event: TransactionStored) -> bytes:
    topics: dict[str, list[int]] = {}
    for topic, partition in event.partitions:
        topics.setdefault(topic, []).append(partition)
    partitions = [
        compact_string(topic) + compact_int32_array(sorted(topics[topic])) + NO_TAGS for topic in sorted(topics)
    ]
    return (
        int16(VALUE_VERSION)
        + int64(event.producer_id)
        + int16(event.producer_epoch)
        + int32(event.timeout_ms)
        + bytes([STATES.index(event.state)])
        + compact_array(partitions)
        + int64(event.updated_ms)
        + int64(event.started_ms)
        + tagged_fields(_tagged(event))
    )


def _tagged(event: TransactionStored) -> dict[int, bytes]:
    """Without those that have their default value."""
    fields = {}
    if event.previous_producer_id != NO_PRODUCER_ID:
        fields[PREVIOUS_PRODUCER_ID] = int64(event.previous_producer_id)
    if event.next_producer_id != NO_PRODUCER_ID:
        fields[NEXT_PRODUCER_ID] = int64(event.next_producer_id)
    if event.is_v2:
        fields[CLIENT_TRANSACTION_VERSION] = int16(PROTOCOL_V2)
    return fields


def from_record(key: bytes, value: bytes | None) -> Event:
    """Raises ValueError for what is no such record."""
    reader = Reader(key)
    key_type = reader.int16()
    if key_type != TRANSACTION_KEY:
        raise ValueError(f"a record of type {key_type} is not known")
    transactional_id = reader.string()
    if value is None:
        return TransactionForgotten(transactional_id=transactional_id)
    version = int.from_bytes(value[:2], "big")
    if version > VALUE_VERSION:
        raise ValueError(f"TransactionLogValue version {version} is not known")
    return _read_value(transactional_id, Reader(value[2:], flexible=version >= FIRST_FLEXIBLE_VERSION))


def _read_value(transactional_id: str, reader: Reader) -> TransactionStored:
    producer_id, producer_epoch, timeout_ms = reader.int64(), reader.int16(), reader.int32()
    state = reader.take(1)[0]
    if state >= len(STATES):
        raise ValueError(f"a transaction's state {state} is not known")
    partitions = frozenset(_read_partitions(reader))
    updated_ms, started_ms = reader.int64(), reader.int64()
    tagged = {tag: int.from_bytes(data, "big", signed=True) for tag, data in reader.tagged_fields().items()}
    return TransactionStored(
        transactional_id=transactional_id,
        state=STATES[state],
        producer_id=producer_id,
        producer_epoch=producer_epoch,
        timeout_ms=timeout_ms,
        updated_ms=updated_ms,
        started_ms=started_ms,
        partitions=partitions,
        previous_producer_id=tagged.get(PREVIOUS_PRODUCER_ID, NO_PRODUCER_ID),
        next_producer_id=tagged.get(NEXT_PRODUCER_ID, NO_PRODUCER_ID),
        is_v2=tagged.get(CLIENT_TRANSACTION_VERSION, 0) >= PROTOCOL_V2,
    )


def _read_partitions(reader: Reader) -> list[TopicPartition]:
    found: list[TopicPartition] = []
    for _ in range(reader.nullable_array_length() or 0):
        topic = reader.string()
        found.extend((topic, reader.int32()) for _ in range(reader.array_length()))
        reader.tagged_fields()
    return found
