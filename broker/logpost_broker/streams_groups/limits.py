"""Kafka's settings of streams groups, `group.streams.…`, with its defaults but for the delay."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamsGroupLimits:
    session_timeout_ms: int = 45_000
    heartbeat_interval_ms: int = 5_000
    max_members: int = 2**31 - 1
    num_standby_replicas: int = 0
    initial_rebalance_delay_ms: int = 0
    """How long the first member of a group waits for more before tasks are given out. None by default, as for classic
    groups; Kafka has 3 s."""
    assignment_interval_ms: int = 1_000
    """Tasks are given out anew at most so often (KIP-1263)."""
