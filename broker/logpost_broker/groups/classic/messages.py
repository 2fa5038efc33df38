"""What a member asks of its group and what it is answered, free of API versions. Times are in milliseconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kio.schema.errors import ErrorCode

from logpost_broker.coordinator.outcome import Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    group_id: str
    member_id: str
    """Empty for a member that has no id yet."""
    new_member_id: str
    """The id it gets then; made by the caller, because chance is no business of the core."""
    instance_id: str | None
    """`group.instance.id` of a static member (KIP-345)."""
    client_id: str
    client_host: str
    session_timeout_ms: int
    rebalance_timeout_ms: int
    protocol_type: str
    protocols: tuple[tuple[str, bytes], ...]
    """(name, metadata), the preferred first."""
    requires_known_member_id: bool
    """The client comes back with the id it is given (KIP-394, JoinGroup v4)."""
    supports_skip_assignment: bool
    """A leader can be told that there is nothing to assign (KIP-814, JoinGroup v9)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedMember:
    """What the leader learns of each member."""

    member_id: str
    instance_id: str | None
    metadata: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinReply(Reply):
    member_id: str = ""
    generation: int = -1
    protocol_type: str | None = None
    protocol: str | None = None
    leader: str = ""
    members: tuple[JoinedMember, ...] = ()
    """All of them for the leader, none for the others."""
    skip_assignment: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    group_id: str
    member_id: str
    instance_id: str | None
    generation: int
    protocol_type: str | None
    protocol: str | None
    """Both None before SyncGroup v5."""
    assignments: Mapping[str, bytes]
    """Member id → assignment, from the leader; empty from the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReply(Reply):
    protocol_type: str | None = None
    protocol: str | None = None
    assignment: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    group_id: str
    member_id: str
    instance_id: str | None
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatReply(Reply):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class LeavingMember:
    member_id: str
    """Empty when the member is named by its instance id alone."""
    instance_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    group_id: str
    members: Sequence[LeavingMember]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveReply(Reply):
    members: tuple[tuple[LeavingMember, ErrorCode], ...] = ()
