"""What a member of a share group asks and is answered, free of API versions."""

from __future__ import annotations

from dataclasses import dataclass

from kio.schema.errors import ErrorCode

from logpost_broker.coordinator.outcome import Reply
from logpost_broker.groups.share.assignor import Assignment

JOIN_EPOCH = 0
LEAVE_EPOCH = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareHeartbeat:
    group_id: str
    member_id: str
    member_epoch: int
    rack_id: str | None
    client_id: str
    client_host: str
    topic_names: tuple[str, ...] | None
    """What it subscribes to; None where it is as before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareHeartbeatReply(Reply):
    code: ErrorCode = ErrorCode.none
    message: str | None = None
    member_epoch: int = 0
    heartbeat_interval_ms: int = 0
    assignment: Assignment | None = None
    """None where it is as before."""
