"""What groups of each kind may ask for, and how much of it. Names follow Kafka's broker settings."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerGroupLimits:
    """Kafka's settings of consumer groups, `group.consumer.…`, with its defaults."""

    session_timeout_ms: int = 45_000
    heartbeat_interval_ms: int = 5_000
    max_members: int = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareLimits:
    """What a share group may ask for, and its defaults. Names follow Kafka's `group.share.*` and `share.*` settings."""

    heartbeat_interval_ms: int = 5_000
    session_timeout_ms: int = 45_000
    max_members: int = 200
    max_share_sessions: int = 2_000
    record_lock_duration_ms: int = 30_000
    """How long a member has a record to itself."""
    delivery_count_limit: int = 5
    """A record that was given out so often is not given out again: it is archived."""
    partition_max_record_locks: int = 2_000
    """No more records are acquired while a share partition has so many that are not finished; a batch that was begun
    may exceed it."""
    is_committed_only: bool = False
    """Records of open transactions are not given out yet, those of aborted ones never."""
    updates_per_snapshot: int = 500
    """Changes after which the state of a share partition is journaled whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamsGroupLimits:
    """Kafka's settings of streams groups, `group.streams.…`, with its defaults except for the delay."""

    session_timeout_ms: int = 45_000
    heartbeat_interval_ms: int = 5_000
    max_members: int = 2**31 - 1
    num_standby_replicas: int = 0
    initial_rebalance_delay_ms: int = 0
    """How long the first member of a group waits for more before tasks are given out. None by default, as for classic
    groups; Kafka has 3 s."""
    assignment_interval_ms: int = 1_000
    """Tasks are given out again at most so often (KIP-1263)."""
