"""One transactional id: how each step changes it. Every function returns the next state and changes nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from logpost_broker.log.producer_identity import ProducerIdentity
from logpost_broker.transactions.events import (
    NO_EPOCH,
    NO_PRODUCER_ID,
    NO_TIME,
    TopicPartition,
    TransactionStored,
)
from logpost_broker.transactions.states import ALLOWED_BEFORE, TransactionState

MAX_EPOCH = 2**15 - 1


def is_exhausted(epoch: int) -> bool:
    """No client is given a higher epoch than this: the one above it is for fencing it."""
    return epoch >= MAX_EPOCH - 1


def first(transactional_id: str, producer_id: int, timeout_ms: int, now_ms: int) -> TransactionStored:
    """An id that nobody has used yet."""
    return TransactionStored(
        transactional_id=transactional_id,
        state=TransactionState.EMPTY,
        producer_id=producer_id,
        producer_epoch=0,
        timeout_ms=timeout_ms,
        updated_ms=now_ms,
    )


def initialized(
    before: TransactionStored, *, epoch: int, last_epoch: int, timeout_ms: int, now_ms: int
) -> TransactionStored:
    """A client has the id under this epoch now; it has begun nothing."""
    return _moved(
        before,
        TransactionState.EMPTY,
        now_ms,
        producer_epoch=epoch,
        last_producer_epoch=last_epoch,
        timeout_ms=timeout_ms,
        started_ms=NO_TIME,
        partitions=frozenset(),
    )


def rotated(
    before: TransactionStored, *, producer_id: int, last_epoch: int, timeout_ms: int, now_ms: int
) -> TransactionStored:
    """As `initialized`, under a new producer id: the old one has no epochs left."""
    return dataclasses.replace(
        initialized(before, epoch=0, last_epoch=last_epoch, timeout_ms=timeout_ms, now_ms=now_ms),
        producer_id=producer_id,
        previous_producer_id=before.producer_id,
    )


def extended(
    before: TransactionStored, partitions: Iterable[TopicPartition], *, is_v2: bool, now_ms: int
) -> TransactionStored:
    """Partitions are in the transaction, which begins with the first of them."""
    ongoing = before.state is TransactionState.ONGOING
    return _moved(
        before,
        TransactionState.ONGOING,
        now_ms,
        partitions=before.partitions.union(partitions) if ongoing else frozenset(partitions),
        started_ms=before.started_ms if ongoing else now_ms,
        is_v2=is_v2,
    )


def prepared(
    before: TransactionStored, *, commit: bool, is_v2: bool, next_producer_id: int, now_ms: int
) -> TransactionStored:
    """The client ends it. With protocol v2 the markers carry the next epoch, so that none of what the client sent
    before can follow them."""
    state = TransactionState.PREPARE_COMMIT if commit else TransactionState.PREPARE_ABORT
    ongoing = before.state is TransactionState.ONGOING
    return _moved(
        before,
        state,
        now_ms,
        producer_epoch=before.producer_epoch + is_v2,
        last_producer_epoch=before.producer_epoch if is_v2 else before.last_producer_epoch,
        next_producer_id=next_producer_id,
        started_ms=before.started_ms if ongoing else now_ms,
        is_v2=is_v2,
    )


def fenced(before: TransactionStored, now_ms: int, current: ProducerIdentity | None = None) -> TransactionStored:
    """It is aborted without its client, who is told so by an epoch that it does not have. `current`: the client itself
    wants to begin again, and is given that epoch when it asks again."""
    return _moved(
        before,
        TransactionState.PREPARE_ABORT,
        now_ms,
        producer_epoch=before.producer_epoch + 1,
        last_producer_epoch=NO_EPOCH if current is None else current.epoch,
        next_producer_id=NO_PRODUCER_ID,
    )


def completed(before: TransactionStored, now_ms: int) -> TransactionStored:
    """Its markers are in all partitions."""
    commit = before.state.is_commit
    after = _moved(
        before,
        TransactionState.COMPLETE_COMMIT if commit else TransactionState.COMPLETE_ABORT,
        now_ms,
        partitions=frozenset(),
    )
    if before.next_producer_id == NO_PRODUCER_ID:
        return after
    return dataclasses.replace(
        after,
        producer_id=before.next_producer_id,
        producer_epoch=0,
        previous_producer_id=before.producer_id,
        next_producer_id=NO_PRODUCER_ID,
    )


def require_move(transactional_id: str, before: TransactionState, after: TransactionState) -> None:
    """Raises RuntimeError for a move that `states.py` does not allow."""
    if before not in ALLOWED_BEFORE[after]:
        raise RuntimeError(f"transactional id {transactional_id} cannot go from {before.value} to {after.value}")


def _moved(before: TransactionStored, state: TransactionState, now_ms: int, **changes: object) -> TransactionStored:
    require_move(before.transactional_id, before.state, state)
    return dataclasses.replace(before, state=state, updated_ms=now_ms, **changes)  # type: ignore[arg-type]  # by name
