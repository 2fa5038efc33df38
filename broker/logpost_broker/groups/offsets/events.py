"""What the journal holds of committed offsets."""

from __future__ import annotations

from dataclasses import dataclass

from logpost_broker.coordinator.outcome import Event
from logpost_broker.log.producer_identity import ProducerIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetCommitted(Event):
    """The next record that the group will read of a partition."""

    group_id: str
    topic: str
    partition: int
    offset: int
    leader_epoch: int
    """-1 where the client did not say."""
    metadata: str
    commit_timestamp_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetDeleted(Event):
    group_id: str
    topic: str
    partition: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetPending(Event):
    """As `OffsetCommitted`, when and if the transaction of this producer is committed."""

    producer: ProducerIdentity
    offset: OffsetCommitted


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionEnded(Event):
    """What this producer has pending counts from now on, or never."""

    producer: ProducerIdentity
    coordinator_epoch: int
    commit: bool


OffsetEvent = OffsetCommitted | OffsetDeleted | OffsetPending | TransactionEnded
