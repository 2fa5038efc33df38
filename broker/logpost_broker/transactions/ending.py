"""EndTxn: what it decides, whose end may be repeated, and the error of each state.

Before protocol v2 an end is repeated under the same epoch. With v2 (KIP-890) each end moves the epoch on: a client that
repeats it is one epoch behind, or, where the epochs were used up, one producer id.
"""

from __future__ import annotations

from collections.abc import Callable

from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError
from logpost_broker.transactions import transaction as steps
from logpost_broker.transactions.events import NO_PRODUCER_ID, TransactionStored
from logpost_broker.transactions.messages import End
from logpost_broker.transactions.states import TransactionState


def ended(
    known: TransactionStored, request: End, new_producer_id: Callable[[], int], now_ms: int
) -> TransactionStored | None:
    """The prepared transaction; None where this end was made before.

    Raises ApiError: INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED, CONCURRENT_TRANSACTIONS, INVALID_TXN_STATE."""
    repeated = _is_repeated(known, request)
    if not repeated:
        _check_identity(known, request)
    if known.state is TransactionState.ONGOING:
        return _prepared(known, request, new_producer_id, now_ms)
    same_end = known.state is not TransactionState.EMPTY and known.state.is_commit == request.commit
    if known.state.is_prepared and same_end:
        raise ApiError(ErrorCode.concurrent_transactions, "the transaction is being completed")
    if repeated and same_end:
        return None
    if request.is_v2 and not repeated and not request.commit and not known.state.is_prepared:
        return _prepared(known, request, new_producer_id, now_ms)
    if repeated and request.is_v2 and request.commit and known.last_producer_epoch != request.producer.epoch:
        # Kafka says INVALID_TXN_STATE here too, which ends a Streams program for good; one that is fenced begins again.
        raise ApiError(ErrorCode.producer_fenced, f"the transaction of {known.transactional_id} took too long")
    raise ApiError(ErrorCode.invalid_txn_state, f"a transaction that is {known.state.value} cannot end so")


def _is_repeated(known: TransactionStored, request: End) -> bool:
    if known.state in (TransactionState.ONGOING, TransactionState.EMPTY):
        return False
    if not request.is_v2:
        return request.producer == known.identity
    if request.producer.producer_id == known.producer_id:
        is_fence = known.producer_epoch == steps.MAX_EPOCH and known.next_producer_id == NO_PRODUCER_ID
        return request.producer.epoch == known.producer_epoch - 1 and not is_fence
    return (
        request.producer.producer_id == known.previous_producer_id
        and steps.is_exhausted(request.producer.epoch)
        and known.producer_epoch == 0
    )


def _check_identity(known: TransactionStored, request: End) -> None:
    if request.producer.producer_id != known.producer_id:
        raise ApiError(ErrorCode.invalid_producer_id_mapping, f"{known.transactional_id} has another producer id")
    # A prepared transaction of protocol v2 has its next epoch already: only the end that prepared it may come again.
    if request.producer.epoch != known.producer_epoch or known.state.is_prepared:
        raise ApiError(ErrorCode.producer_fenced, f"{known.transactional_id} has a newer producer")


def _prepared(
    known: TransactionStored, request: End, new_producer_id: Callable[[], int], now_ms: int
) -> TransactionStored:
    uses_up = request.is_v2 and steps.is_exhausted(known.producer_epoch)
    return steps.prepared(
        known,
        commit=request.commit,
        is_v2=request.is_v2,
        next_producer_id=new_producer_id() if uses_up else NO_PRODUCER_ID,
        now_ms=now_ms,
    )
