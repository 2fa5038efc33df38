"""What ListTransactions and DescribeTransactions tell."""

from __future__ import annotations

from dataclasses import dataclass

from logpost_broker.transactions.events import NO_TIME, TransactionStored
from logpost_broker.transactions.states import TransactionState


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFilter:
    states: frozenset[TransactionState] | None = None
    """None: all of them."""
    producer_ids: frozenset[int] = frozenset()
    """Empty: all of them."""
    min_duration_ms: int = -1
    """Only transactions that have been going on for longer."""


def is_wanted(transaction: TransactionStored, wanted: ListFilter, now_ms: int) -> bool:
    if wanted.states is not None and transaction.state not in wanted.states:
        return False
    if wanted.producer_ids and transaction.producer_id not in wanted.producer_ids:
        return False
    if wanted.min_duration_ms < 0:
        return True
    return transaction.started_ms != NO_TIME and now_ms - transaction.started_ms > wanted.min_duration_ms
