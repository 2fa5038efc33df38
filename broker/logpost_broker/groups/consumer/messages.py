"""What a member of a consumer group asks and is answered, free of API versions. Times are in milliseconds."""

from __future__ import annotations

from dataclasses import dataclass

from kio.schema.errors import ErrorCode

from logpost_broker.coordinator.outcome import Reply
from logpost_broker.groups.consumer.events import Partitions

JOIN_EPOCH = 0
LEAVE_EPOCH = -1
LEAVE_STATIC_EPOCH = -2
"""A static member leaves and is going to be back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberHeartbeat:
    """None stands for what did not change since the last heartbeat."""

    group_id: str
    member_id: str
    member_epoch: int
    instance_id: str | None
    rack_id: str | None
    client_id: str
    client_host: str
    rebalance_timeout_ms: int | None
    topic_names: tuple[str, ...] | None
    topic_regex: str | None
    """Empty to have none any more."""
    server_assignor: str | None
    owned: Partitions | None
    """What the member has, and has not let go."""

    @property
    def is_full(self) -> bool:
        """The member says all it knows, as it does when it may have missed an answer."""
        return self.member_epoch == JOIN_EPOCH or (
            self.rebalance_timeout_ms is not None
            and (self.topic_names is not None or self.topic_regex is not None)
            and self.owned is not None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberHeartbeatReply(Reply):
    code: ErrorCode = ErrorCode.none
    message: str | None = None
    member_id: str | None = None
    member_epoch: int = 0
    heartbeat_interval_ms: int = 0
    assigned: Partitions | None = None
    """None where it is what the member was told last."""
