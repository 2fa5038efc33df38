"""The front door of the pure core: every call says what it decided as an `Outcome`, or raises ApiError, and waits for
nothing.

A caller journals the outcome's events and calls `apply` for each. A transaction whose end is decided (`prepared`) is
completed by the caller: it writes the markers to all partitions, and calls `complete` when these are durable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from kio.schema.errors import ErrorCode

from logpost_broker.coordinator.record_fields import MAX_STRING_BYTES
from logpost_broker.errors import ApiError
from logpost_broker.log.producer_identity import ProducerIdentity
from logpost_broker.transactions import transaction as steps
from logpost_broker.transactions.ending import ended
from logpost_broker.transactions.events import (
    Event,
    TopicPartition,
    TransactionForgotten,
    TransactionStored,
)
from logpost_broker.transactions.initializing import initialized
from logpost_broker.transactions.limits import TransactionLimits
from logpost_broker.transactions.messages import Add, End, Init, Outcome
from logpost_broker.transactions.states import TransactionState


class TransactionCoordinator:
    def __init__(self, limits: TransactionLimits, new_producer_id: Callable[[], int]) -> None:
        """`new_producer_id` returns an id that nobody has had, or raises ApiError."""
        self.limits = limits
        self._new_producer_id = new_producer_id
        self._transactions: dict[str, TransactionStored] = {}
        self._begun: dict[str, None] = {}
        """Ids whose transaction is going on or being completed: of all others, which may be many more, nothing is due
        soon."""

    # Producers

    def init(self, request: Init, now_ms: int) -> Outcome:
        """An identity that fences all earlier ones. CONCURRENT_TRANSACTIONS, with events, while an earlier one's
        transaction is aborted first.

        Raises ApiError: INVALID_REQUEST, INVALID_TRANSACTION_TIMEOUT, PRODUCER_FENCED, CONCURRENT_TRANSACTIONS."""
        if not request.transactional_id or len(request.transactional_id.encode()) > MAX_STRING_BYTES:
            raise ApiError(ErrorCode.invalid_request, f"a transactional id has 1 to {MAX_STRING_BYTES} bytes")
        if not 0 < request.timeout_ms <= self.limits.max_timeout_ms:
            raise ApiError(
                ErrorCode.invalid_transaction_timeout,
                f"a transaction timeout of {request.timeout_ms} ms is not in 1 to {self.limits.max_timeout_ms}",
            )
        known = self._transactions.get(request.transactional_id)
        if known is None:
            new = steps.first(request.transactional_id, self._new_producer_id(), request.timeout_ms, now_ms)
            return Outcome(producer=new.identity, events=(new,))
        return initialized(known, request, self._new_producer_id, now_ms)

    # Transactions

    def add(self, request: Add, now_ms: int) -> Outcome:
        """Put partitions into the transaction, which begins with the first.

        Raises ApiError: INVALID_REQUEST, INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED, CONCURRENT_TRANSACTIONS."""
        known = self._owned(request.transactional_id, request.producer)
        if known.state is TransactionState.ONGOING and request.partitions <= known.partitions:
            return Outcome()
        return Outcome(events=(steps.extended(known, request.partitions, is_v2=request.is_v2, now_ms=now_ms),))

    def missing(self, request: Add) -> frozenset[TopicPartition]:
        """Which of the partitions are not in an ongoing transaction of this producer. Raises what `add` raises."""
        known = self._owned(request.transactional_id, request.producer)
        return request.partitions - known.partitions if known.state is TransactionState.ONGOING else request.partitions

    def end(self, request: End, now_ms: int) -> Outcome:
        """Decide the transaction. An end that comes again is answered as before.

        Raises ApiError: INVALID_REQUEST, INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED, CONCURRENT_TRANSACTIONS,
        INVALID_TXN_STATE."""
        known = self._known(request.transactional_id)
        after = ended(known, request, self._new_producer_id, now_ms)
        if after is None:
            return Outcome(producer=known.identity)
        # What the client is told already is what it is when the markers are written.
        return Outcome(producer=steps.completed(after, now_ms).identity, events=(after,))

    def complete(self, transactional_id: str, now_ms: int) -> Outcome:
        """The markers of a prepared transaction are durable in all partitions."""
        return Outcome(events=(steps.completed(self._transactions[transactional_id], now_ms),))

    def prepared(self) -> list[TransactionStored]:
        """Whose end is decided and not complete."""
        begun = map(self._transactions.__getitem__, self._begun)
        return [transaction for transaction in begun if transaction.state.is_prepared]

    def begun(self) -> list[str]:
        """The ids whose transaction is going on or being completed."""
        return [*self._begun]

    def ids(self) -> list[str]:
        return [*self._transactions]

    def abort_late(self, transactional_ids: Iterable[str], now_ms: int) -> Outcome:
        """Abort those of their transactions that have taken too long."""
        return Outcome(events=tuple(steps.fenced(known, now_ms) for known in self._late(transactional_ids, now_ms)))

    def _late(self, transactional_ids: Iterable[str], now_ms: int) -> Iterator[TransactionStored]:
        for known in filter(None, map(self._transactions.get, transactional_ids)):
            if known.state is TransactionState.ONGOING and known.started_ms + known.timeout_ms < now_ms:
                yield known

    def forget_unused(self, transactional_ids: Iterable[str], now_ms: int) -> Outcome:
        """Forget those that were not used for too long."""
        before_ms = now_ms - self.limits.id_expiration_ms
        return Outcome(
            events=tuple(
                TransactionForgotten(transactional_id=known.transactional_id)
                for known in filter(None, map(self._transactions.get, transactional_ids))
                if known.updated_ms < before_ms and known.transactional_id not in self._begun
            )
        )

    def adopt(self, producer: ProducerIdentity, partition: TopicPartition, now_ms: int) -> Outcome | None:
        """A partition has an open transaction of this producer, found at the start after a crash that took its adding
        with it. None when nobody can commit it any more, and it has to be aborted."""
        for known in self._transactions.values():
            if known.producer_id == producer.producer_id and partition in known.partitions:
                return Outcome()
            if known.identity == producer and not known.state.is_prepared:
                return Outcome(events=(steps.extended(known, [partition], is_v2=known.is_v2, now_ms=now_ms),))
        return None

    def _known(self, transactional_id: str) -> TransactionStored:
        if not transactional_id:
            raise ApiError(ErrorCode.invalid_request, "a transactional id is missing")
        known = self._transactions.get(transactional_id)
        if known is None:
            raise ApiError(ErrorCode.invalid_producer_id_mapping, f"no producer has the id {transactional_id}")
        return known

    def _owned(self, transactional_id: str, producer: ProducerIdentity) -> TransactionStored:
        known = self._known(transactional_id)
        if known.producer_id != producer.producer_id:
            raise ApiError(ErrorCode.invalid_producer_id_mapping, f"{transactional_id} is not that of the producer id")
        if known.producer_epoch != producer.epoch:
            raise ApiError(ErrorCode.producer_fenced, f"{transactional_id} has a newer producer")
        if known.state.is_prepared:
            raise ApiError(ErrorCode.concurrent_transactions, "the transaction before is not complete yet")
        return known

    # Administration

    def describe(self, transactional_id: str) -> TransactionStored | None:
        return self._transactions.get(transactional_id)

    def all(self) -> list[TransactionStored]:
        return [*self._transactions.values()]

    # Journal

    def apply(self, event: Event) -> None:
        """Make an event's change: right after it was journaled, and at replay."""
        if isinstance(event, TransactionForgotten):
            self._transactions.pop(event.transactional_id, None)
            return
        self._transactions[event.transactional_id] = event
        if event.state is TransactionState.ONGOING or event.state.is_prepared:
            self._begun[event.transactional_id] = None
        else:
            self._begun.pop(event.transactional_id, None)

    def snapshot(self) -> list[Event]:
        """The journaled state as events: applied to nothing, or to any earlier part of the journal, they give it."""
        return [*self._transactions.values()]
