"""The states of a transactional id, and which may follow which.

state            on InitProducerId         on AddPartitionsToTxn     on EndTxn                   leaves to
Empty            the next epoch            begins a transaction      v5 aborts nothing, else     Ongoing, Dead,
                                                                     INVALID_TXN_STATE           PrepareAbort
Ongoing          aborts, and               adds                      decides                     PrepareCommit,
                 CONCURRENT_TRANSACTIONS                                                         PrepareAbort
PrepareCommit,   CONCURRENT_TRANSACTIONS   CONCURRENT_TRANSACTIONS   the same end: CONCURRENT_   CompleteCommit or
PrepareAbort                                                         TRANSACTIONS                CompleteAbort, when the
                                                                                                 markers are durable
CompleteCommit,  the next epoch            begins a transaction      the same end again: its     Ongoing, Empty, Dead,
CompleteAbort                                                        answer                      PrepareAbort
Dead             expired, and known to nobody
"""

from __future__ import annotations

from enum import Enum


class TransactionState(Enum):
    """The values are what ListTransactions and DescribeTransactions call them."""

    EMPTY = "Empty"
    ONGOING = "Ongoing"
    PREPARE_COMMIT = "PrepareCommit"
    PREPARE_ABORT = "PrepareAbort"
    COMPLETE_COMMIT = "CompleteCommit"
    COMPLETE_ABORT = "CompleteAbort"
    DEAD = "Dead"

    @property
    def is_prepared(self) -> bool:
        """The end is decided, and not yet written to all partitions."""
        return self in (TransactionState.PREPARE_COMMIT, TransactionState.PREPARE_ABORT)

    @property
    def is_commit(self) -> bool:
        return self in (TransactionState.PREPARE_COMMIT, TransactionState.COMPLETE_COMMIT)


_IDLE = frozenset({TransactionState.EMPTY, TransactionState.COMPLETE_COMMIT, TransactionState.COMPLETE_ABORT})

ALLOWED_BEFORE: dict[TransactionState, frozenset[TransactionState]] = {
    TransactionState.EMPTY: _IDLE,
    TransactionState.ONGOING: _IDLE | {TransactionState.ONGOING},
    TransactionState.PREPARE_COMMIT: frozenset({TransactionState.ONGOING}),
    # Protocol v2 may abort a transaction that it never began, to be given the next epoch.
    TransactionState.PREPARE_ABORT: _IDLE | {TransactionState.ONGOING},
    TransactionState.COMPLETE_COMMIT: frozenset({TransactionState.PREPARE_COMMIT}),
    TransactionState.COMPLETE_ABORT: frozenset({TransactionState.PREPARE_ABORT}),
    TransactionState.DEAD: _IDLE,
}
