"""What a group may ask for, and how much of it. Names follow Kafka's broker settings."""

from __future__ import annotations

from dataclasses import dataclass

MAX_STRING_BYTES = 32_767
"""The longest string that the journal's record schemas hold."""

MAX_COMMIT_BYTES = 1024 * 1024
"""The records of one commit are one batch of the journal: as with Kafka's `message.max.bytes`, more are refused. About
16,000 offsets of a group and topics with short names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupLimits:
    min_session_timeout_ms: int = 1_000
    max_session_timeout_ms: int = 30 * 60 * 1_000
    initial_rebalance_delay_ms: int = 0
    """How long the first rebalance of an empty group waits for more members. None by default: on one node a consumer
    that has to wait three seconds for nobody is the common case."""
    max_members: int = 1_000
    max_bytes: int = 64 * 1024 * 1024
    """What the members of all classic groups may say of themselves."""
    max_offset_metadata_bytes: int = 4_096
    offsets_retention_ms: int = 7 * 24 * 3_600 * 1_000
    """How long the offsets of a group that nobody uses are kept (KIP-211)."""
