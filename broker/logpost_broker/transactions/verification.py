"""Whether a write is in its producer's transaction (KIP-890): a batch, or offsets, that no transaction expects would
hide others' records forever.

What a client is told differs by the version of its request: how to go on is its own knowledge.
"""

from __future__ import annotations

from enum import Enum

from kio.schema.errors import ErrorCode


class Verification(Enum):
    ONLY = "only"
    """The client adds partitions itself, and knows no TRANSACTION_ABORTABLE."""
    KNOWS_ABORTABLE = "knows abortable"
    ADDS = "adds"
    """Writing to a partition adds it (protocol v2)."""

    @classmethod
    def of(cls, version: int, *, adds_from: int) -> Verification:
        """By the version of a request: TRANSACTION_ABORTABLE came one version before writes that add."""
        if version >= adds_from:
            return cls.ADDS
        return cls.KNOWS_ABORTABLE if version == adds_from - 1 else cls.ONLY

    @property
    def code_where_missing(self) -> ErrorCode:
        if self is Verification.ONLY:
            return ErrorCode.invalid_txn_state
        return ErrorCode.transaction_abortable

    def translated(self, code: ErrorCode) -> ErrorCode:
        """PRODUCER_FENCED is no answer to a write; CONCURRENT_TRANSACTIONS is one only with protocol v2, and a client
        tries again what has NOT_ENOUGH_REPLICAS."""
        if code is ErrorCode.producer_fenced:
            return ErrorCode.invalid_producer_epoch
        if code is ErrorCode.concurrent_transactions and self is not Verification.ADDS:
            return ErrorCode.not_enough_replicas
        return code
