"""The members of share groups: who is in, since when, and what each fetches from.

Members are not durable. After a restart a member learns UNKNOWN_MEMBER_ID at its next heartbeat and joins again; what
it had acquired is available from the start on.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError
from logpost_broker.share_groups.assignor import Assignment, assign
from logpost_broker.share_groups.limits import ShareLimits

JOINING_EPOCH = 0
LEAVING_EPOCH = -1
Topics = Mapping[str, tuple[uuid.UUID, int]]
"""Name → id and number of partitions, of topics that there are."""


class ShareGroupState(Enum):
    EMPTY = "Empty"
    STABLE = "Stable"
    DEAD = "Dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareHeartbeat:
    group_id: str
    member_id: str
    member_epoch: int
    rack_id: str | None
    client_id: str
    client_host: str
    subscribed_topics: tuple[str, ...] | None
    """None where it is as before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareHeartbeatReply:
    member_epoch: int
    assignment: Assignment | None = None
    """None where it is as before."""


@dataclass(slots=True)
class ShareMember:
    member_id: str
    rack_id: str | None
    client_id: str
    client_host: str
    subscribed_topics: tuple[str, ...]
    epoch: int
    previous_epoch: int
    assignment: Assignment
    expires_ms: int


@dataclass(slots=True)
class ShareGroup:
    epoch: int = 0
    members: dict[str, ShareMember] = field(default_factory=dict)
    target: dict[str, Assignment] = field(default_factory=dict)

    @property
    def state(self) -> ShareGroupState:
        return ShareGroupState.STABLE if self.members else ShareGroupState.EMPTY


class ShareMembership:
    def __init__(self, limits: Callable[[str], ShareLimits]) -> None:
        """`limits`: of the group of this id, as they are at the time of a call."""
        self._limits = limits
        self.groups: dict[str, ShareGroup] = {}

    def heartbeat(self, request: ShareHeartbeat, topics: Topics, now_ms: int) -> ShareHeartbeatReply:
        """A member joins, is alive, or leaves. Raises ApiError: INVALID_REQUEST, GROUP_ID_NOT_FOUND,
        UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH, GROUP_MAX_SIZE_REACHED."""
        if request.member_epoch == LEAVING_EPOCH:
            return self._leave(request, topics)
        member = self._join(request) if request.member_epoch == JOINING_EPOCH else self._known(request)
        member.expires_ms = now_ms + self._limits(request.group_id).session_timeout_ms
        if request.subscribed_topics is not None:
            member.subscribed_topics = request.subscribed_topics
        group = self.groups[request.group_id]
        _assign(group, topics)
        return _reconcile(group, member, request)

    def _join(self, request: ShareHeartbeat) -> ShareMember:
        if not request.group_id or not request.member_id or not request.subscribed_topics:
            raise ApiError(ErrorCode.invalid_request, "a member joins with a group, an id of its own, and topics")
        group = self.groups.setdefault(request.group_id, ShareGroup())
        known = group.members.get(request.member_id)
        if known is not None:
            return known
        if len(group.members) >= self._limits(request.group_id).max_members:
            raise ApiError(ErrorCode.group_max_size_reached, f"the group has {len(group.members)} members")
        member = group.members[request.member_id] = ShareMember(
            member_id=request.member_id,
            rack_id=request.rack_id,
            client_id=request.client_id,
            client_host=request.client_host,
            subscribed_topics=request.subscribed_topics,
            epoch=0,
            previous_epoch=0,
            assignment={},
            expires_ms=0,
        )
        return member

    def _known(self, request: ShareHeartbeat) -> ShareMember:
        group = self.groups.get(request.group_id)
        member = None if group is None else group.members.get(request.member_id)
        if member is None:
            raise ApiError(ErrorCode.unknown_member_id, "the member is not in the group")
        # An answer may have been lost on its way.
        if request.member_epoch not in (member.epoch, member.previous_epoch):
            raise ApiError(ErrorCode.fenced_member_epoch, f"the member's epoch is {member.epoch}")
        return member

    def _leave(self, request: ShareHeartbeat, topics: Topics) -> ShareHeartbeatReply:
        group = self.groups.get(request.group_id)
        if group is None or request.member_id not in group.members:
            raise ApiError(ErrorCode.unknown_member_id, "the member is not in the group")
        del group.members[request.member_id]
        _assign(group, topics)
        return ShareHeartbeatReply(member_epoch=LEAVING_EPOCH)

    def expire(self, topics: Topics, now_ms: int) -> list[tuple[str, str]]:
        """Members that were not heard of in time are out; answers their groups and ids."""
        gone = [
            (group_id, member.member_id)
            for group_id, group in self.groups.items()
            for member in group.members.values()
            if member.expires_ms <= now_ms
        ]
        for group_id, member_id in gone:
            del self.groups[group_id].members[member_id]
            _assign(self.groups[group_id], topics)
        return gone


def _assign(group: ShareGroup, topics: Topics) -> None:
    """Deal the partitions again; a new epoch where anything comes out otherwise."""
    subscriptions = {
        member.member_id: {topics[name][0] for name in member.subscribed_topics if name in topics}
        for member in group.members.values()
    }
    target = assign(subscriptions, dict(topics.values()))
    if target != group.target:
        group.target = target
        group.epoch += 1


def _reconcile(group: ShareGroup, member: ShareMember, request: ShareHeartbeat) -> ShareHeartbeatReply:
    """Members share partitions, so that nobody has to give any up before another may have it."""
    if member.epoch != group.epoch:
        member.previous_epoch, member.epoch = member.epoch, group.epoch
        member.assignment = group.target[member.member_id]
    is_told = request.subscribed_topics is not None or request.member_epoch != member.epoch
    return ShareHeartbeatReply(member_epoch=member.epoch, assignment=member.assignment if is_told else None)
