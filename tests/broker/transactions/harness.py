"""Transactional ids, driven through the pure coordinator with a clock of its own and journaled as bytes."""

from __future__ import annotations

import itertools

from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError
from logpost_broker.log.producer_identity import ProducerIdentity
from logpost_broker.transactions.coordinator import TransactionCoordinator
from logpost_broker.transactions.events import TopicPartition, TransactionStored
from logpost_broker.transactions.limits import TransactionLimits
from logpost_broker.transactions.messages import Add, End, Init, Outcome
from logpost_broker.transactions.states import TransactionState
from logpost_broker.transactions.transaction_record import from_record, to_record

ID = "copier"
TIMEOUT_MS = 60_000
PLACE: TopicPartition = ("logs", 0)


class TransactionHarness:
    """Calls answer an error code, or what the client is told."""

    def __init__(self) -> None:
        self.limits = TransactionLimits()
        self.ids = itertools.count(1_000)
        self.core = TransactionCoordinator(self.limits, self._new_id)
        self.now_ms = 1_000_000
        self.journal: list[tuple[bytes, bytes | None]] = []
        self.markers: list[tuple[TopicPartition, ProducerIdentity, bool]] = []
        """What was written to partitions: where, whose, committed or not."""

    def _new_id(self) -> int:
        return next(self.ids)

    def state(self, transactional_id: str = ID) -> TransactionState:
        found = self.core.describe(transactional_id)
        return TransactionState.DEAD if found is None else found.state

    def known(self, transactional_id: str = ID) -> TransactionStored:
        found = self.core.describe(transactional_id)
        assert found is not None
        return found

    def init(
        self,
        transactional_id: str = ID,
        *,
        timeout_ms: int = TIMEOUT_MS,
        current: ProducerIdentity | None = None,
    ) -> ProducerIdentity | ErrorCode:
        request = Init(transactional_id=transactional_id, timeout_ms=timeout_ms, current=current)
        try:
            return self._carry_out(self.core.init(request, self.now_ms))
        except ApiError as error:
            return error.code

    def producer(self, transactional_id: str = ID) -> ProducerIdentity:
        """A new client that waits until it may begin."""
        found = self.init(transactional_id)
        if isinstance(found, ErrorCode):
            self.complete()
            found = self.init(transactional_id)
        assert isinstance(found, ProducerIdentity), found
        return found

    def add(
        self, producer: ProducerIdentity, *places: TopicPartition, transactional_id: str = ID, is_v2: bool = False
    ) -> ErrorCode:
        request = Add(
            transactional_id=transactional_id, producer=producer, partitions=frozenset(places or {PLACE}), is_v2=is_v2
        )
        try:
            self._carry_out(self.core.add(request, self.now_ms))
        except ApiError as error:
            return error.code
        return ErrorCode.none

    def end(
        self, producer: ProducerIdentity, *, commit: bool = True, is_v2: bool = False, transactional_id: str = ID
    ) -> ProducerIdentity | ErrorCode:
        request = End(transactional_id=transactional_id, producer=producer, commit=commit, is_v2=is_v2)
        try:
            return self._carry_out(self.core.end(request, self.now_ms))
        except ApiError as error:
            return error.code

    def complete(self) -> None:
        """Write the markers of all that is decided."""
        for transaction in self.core.prepared():
            for place in sorted(transaction.partitions):
                self.markers.append((place, transaction.identity, transaction.state.is_commit))
            self._carry_out(self.core.complete(transaction.transactional_id, self.now_ms))

    def sleep(self, duration_ms: int) -> None:
        self.now_ms += duration_ms
        self._carry_out(self.core.abort_late(self.core.begun(), self.now_ms))
        self._carry_out(self.core.forget_unused(self.core.ids(), self.now_ms))

    def crash_and_replay(self) -> None:
        """The broker is killed and started again: the journal is all that is left."""
        self.core = TransactionCoordinator(self.limits, self._new_id)
        for key, value in self.journal:
            self.core.apply(from_record(key, value))

    def _carry_out(self, outcome: Outcome) -> ProducerIdentity | ErrorCode:
        for event in outcome.events:
            self.journal.append(to_record(event))
            self.core.apply(event)
        return outcome.code if outcome.producer is None else outcome.producer
