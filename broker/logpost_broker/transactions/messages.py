"""What a producer asks of its coordinator and what it is answered, free of API versions. Times are in milliseconds."""

from __future__ import annotations

from dataclasses import dataclass

from kio.schema.errors import ErrorCode

from logpost_broker.log.producer_identity import ProducerIdentity
from logpost_broker.transactions.events import Event, TopicPartition

OFFSETS_PARTITION: TopicPartition = ("__consumer_offsets", 0)
"""Where all groups' offsets are: the internal topic has one partition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Init:
    transactional_id: str
    timeout_ms: int
    current: ProducerIdentity | None = None
    """What the client has, when it goes on after an error (KIP-360, InitProducerId v3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Add:
    transactional_id: str
    producer: ProducerIdentity
    partitions: frozenset[TopicPartition]
    is_v2: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    transactional_id: str
    producer: ProducerIdentity
    commit: bool
    is_v2: bool = False
    """Asked by EndTxn v5: the client goes on with the identity that it is answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one call of the core decided. Nothing of it has happened yet: the shell journals the events, applies them,
    and answers when the journal is durable."""

    code: ErrorCode = ErrorCode.none
    producer: ProducerIdentity | None = None
    """Whom the client is from now on."""
    events: tuple[Event, ...] = ()
