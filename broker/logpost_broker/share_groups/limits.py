"""What a share group may ask for, and its defaults. Names follow Kafka's `group.share.*` and `share.*` settings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareLimits:
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
    """After so many changes the state of a share partition is journaled whole."""
