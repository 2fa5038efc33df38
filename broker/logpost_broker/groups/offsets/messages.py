"""What is asked of committed offsets and what is answered, free of API versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kio.schema.errors import ErrorCode

from logpost_broker.coordinator.outcome import Reply
from logpost_broker.log.producer_identity import ProducerIdentity

TopicPartition = tuple[str, int]


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
class CommitReply(Reply):
    code: ErrorCode = ErrorCode.none
    """Of all partitions; where it is none, `codes` has theirs."""
    codes: Mapping[TopicPartition, ErrorCode] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Offsets of a group."""

    group_id: str
    partitions: Sequence[TopicPartition]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteReply(Reply):
    """Of a group, or of offsets of it: the group's code, and where that is none, the partitions'."""

    code: ErrorCode = ErrorCode.none
    codes: Mapping[TopicPartition, ErrorCode] = field(default_factory=dict)
