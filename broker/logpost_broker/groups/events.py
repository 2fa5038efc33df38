"""What the journal holds: each event is one record of `__consumer_offsets`, and replaying them gives the state back."""

from __future__ import annotations

from dataclasses import dataclass

from logpost_broker.consumer_groups.events import ConsumerGroupEvent
from logpost_broker.producer_identity import ProducerIdentity
from logpost_broker.share_groups.member_events import ShareGroupEvent
from logpost_broker.streams_groups.events import StreamsGroupEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMember:
    member_id: str
    instance_id: str | None
    client_id: str
    client_host: str
    session_timeout_ms: int
    rebalance_timeout_ms: int
    subscription: bytes
    """The member's metadata for the protocol that the group chose."""
    assignment: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupStored:
    """The group is now this: stable with these members, or empty without any."""

    group_id: str
    protocol_type: str
    generation: int
    protocol: str | None
    leader: str | None
    state_since_ms: int
    members: tuple[StoredMember, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupDeleted:
    group_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetCommitted:
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
class OffsetDeleted:
    group_id: str
    topic: str
    partition: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetPending:
    """As `OffsetCommitted`, when and if the transaction of this producer is committed."""

    producer: ProducerIdentity
    offset: OffsetCommitted


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionEnded:
    """What this producer has pending counts from now on, or never."""

    producer: ProducerIdentity
    coordinator_epoch: int
    commit: bool


Event = (
    GroupStored
    | GroupDeleted
    | OffsetCommitted
    | OffsetDeleted
    | OffsetPending
    | TransactionEnded
    | ConsumerGroupEvent
    | StreamsGroupEvent
    | ShareGroupEvent
)
