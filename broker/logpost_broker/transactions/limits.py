"""How long transactions and their ids last. Names follow Kafka's broker settings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionLimits:
    max_timeout_ms: int = 15 * 60 * 1_000
    """`transaction.max.timeout.ms`: the longest that a client may ask others to wait for it."""
    id_expiration_ms: int = 7 * 24 * 60 * 60 * 1_000
    """`transactional.id.expiration.ms`: an id that was not used for so long is forgotten."""
