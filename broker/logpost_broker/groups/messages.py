"""What a member asks of its group and what it is answered, free of API versions. Times are in milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kio.schema.errors import ErrorCode

from logpost_broker.consumer_groups.messages import MemberHeartbeatReply
from logpost_broker.producer_identity import ProducerIdentity
from logpost_broker.share_groups.messages import ShareHeartbeatReply
from logpost_broker.streams_groups.messages import StreamsHeartbeatReply

TopicPartition = tuple[str, int]


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
class JoinReply:
    code: ErrorCode = ErrorCode.none
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
class SyncReply:
    code: ErrorCode = ErrorCode.none
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
class HeartbeatReply:
    code: ErrorCode


@dataclass(frozen=True, slots=True, kw_only=True)
class LeavingMember:
    member_id: str
    """Empty when the member is named by its instance id alone."""
    instance_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveReply:
    code: ErrorCode = ErrorCode.none
    members: tuple[tuple[LeavingMember, ErrorCode], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetToCommit:
    topic: str
    partition: int
    offset: int
    leader_epoch: int
    metadata: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    group_id: str
    member_id: str
    instance_id: str | None
    generation: int
    """-1 from a consumer that picks its partitions itself, and from admin tools."""
    offsets: tuple[OffsetToCommit, ...]
    producer: ProducerIdentity | None = None
    """Set where the offsets are committed in its transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitReply:
    code: ErrorCode = ErrorCode.none
    """Of all partitions; where it is none, `codes` has theirs."""
    codes: Mapping[TopicPartition, ErrorCode] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteReply:
    """Of a group, or of offsets of it: the group's code, and where that is none, the partitions'."""

    code: ErrorCode = ErrorCode.none
    codes: Mapping[TopicPartition, ErrorCode] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateReply:
    code: ErrorCode = ErrorCode.none


# Every reply has a code of its own, so that one rule answers what could not be journaled.
Reply = (
    JoinReply
    | SyncReply
    | HeartbeatReply
    | LeaveReply
    | CommitReply
    | CreateReply
    | DeleteReply
    | MemberHeartbeatReply
    | StreamsHeartbeatReply
    | ShareHeartbeatReply
)
