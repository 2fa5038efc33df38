"""What the journal holds: each event is a record of `__transaction_state`, and replaying them gives the state back."""

from __future__ import annotations

from dataclasses import dataclass, field

from logpost_broker.log.producer_identity import ProducerIdentity
from logpost_broker.transactions.states import TransactionState

TopicPartition = tuple[str, int]

NO_PRODUCER_ID = -1
NO_EPOCH = -1
NO_TIME = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionStored:
    """The transactional id is now this: who may write under it, and what became of its newest transaction."""

    transactional_id: str
    state: TransactionState
    producer_id: int
    producer_epoch: int
    timeout_ms: int
    updated_ms: int
    started_ms: int = NO_TIME
    partitions: frozenset[TopicPartition] = frozenset()
    """Where the transaction has written, or may have."""
    previous_producer_id: int = NO_PRODUCER_ID
    """The id before this one, for a client that repeats the call that changed it."""
    next_producer_id: int = NO_PRODUCER_ID
    """The id after this transaction: its end used the last epoch up."""
    is_v2: bool = False
    """Its client speaks protocol v2 (KIP-890): every end of a transaction gives it the next epoch."""
    last_producer_epoch: int = field(default=NO_EPOCH, compare=False)
    """The epoch that the client was given before, for one that repeats its InitProducerId (KIP-360). Kafka's schema
    has no field for it: a client that repeats the call to a broker that was started again is fenced."""

    @property
    def identity(self) -> ProducerIdentity:
        return ProducerIdentity(self.producer_id, self.producer_epoch)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionForgotten:
    transactional_id: str


Event = TransactionStored | TransactionForgotten
