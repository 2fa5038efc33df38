"""Who writes: a producer id and an epoch of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProducerIdentity:
    """Of all who have the producer id, the one with the newest epoch may write."""

    producer_id: int
    epoch: int
