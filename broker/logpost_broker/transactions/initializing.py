"""InitProducerId for a transactional id that is known: which identity the client gets, or why none (KIP-360)."""

from __future__ import annotations

from collections.abc import Callable

from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError
from logpost_broker.log.producer_identity import ProducerIdentity
from logpost_broker.transactions import transaction as steps
from logpost_broker.transactions.events import NO_EPOCH, TransactionStored
from logpost_broker.transactions.messages import Init, Outcome
from logpost_broker.transactions.states import TransactionState


def initialized(known: TransactionStored, request: Init, new_producer_id: Callable[[], int], now_ms: int) -> Outcome:
    """Raises ApiError: PRODUCER_FENCED, CONCURRENT_TRANSACTIONS."""
    current = request.current
    if current is not None and not _is_or_was(known, current):
        raise ApiError(ErrorCode.producer_fenced, f"{known.transactional_id} has a newer producer")
    if known.state.is_prepared:
        raise ApiError(ErrorCode.concurrent_transactions, "the transaction before is not complete yet")
    if known.state is TransactionState.ONGOING:
        return Outcome(code=ErrorCode.concurrent_transactions, events=(steps.fenced(known, now_ms, current),))
    after = _next(known, request, new_producer_id, now_ms)
    return Outcome(producer=after.identity, events=(after,))


def _is_or_was(known: TransactionStored, current: ProducerIdentity) -> bool:
    """A client that repeats a call of which it never heard the answer has the identity before the present one; nobody
    may repeat a call from before a transaction that is going on."""
    if current == known.identity:
        return True
    if known.state is TransactionState.ONGOING:
        return False
    if current.producer_id == known.producer_id:
        return current.epoch == known.last_producer_epoch
    return (
        current.producer_id == known.previous_producer_id
        and steps.is_exhausted(current.epoch)
        and current.epoch == known.last_producer_epoch
        and known.producer_epoch == 0
    )


def _next(
    known: TransactionStored, request: Init, new_producer_id: Callable[[], int], now_ms: int
) -> TransactionStored:
    current, timeout_ms = request.current, request.timeout_ms
    is_repeated = current is not None and current != known.identity
    if is_repeated and known.producer_epoch < steps.MAX_EPOCH:  # the same answer
        return steps.initialized(
            known,
            epoch=known.producer_epoch,
            last_epoch=known.last_producer_epoch,
            timeout_ms=timeout_ms,
            now_ms=now_ms,
        )
    last_epoch = NO_EPOCH if current is None else current.epoch
    if steps.is_exhausted(known.producer_epoch):
        return steps.rotated(
            known, producer_id=new_producer_id(), last_epoch=last_epoch, timeout_ms=timeout_ms, now_ms=now_ms
        )
    return steps.initialized(
        known, epoch=known.producer_epoch + 1, last_epoch=last_epoch, timeout_ms=timeout_ms, now_ms=now_ms
    )
