"""The timers of a member of a consumer group."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MemberSessionTimer:
    """The member is gone unless it is heard of before."""

    group_id: str
    member_id: str


@dataclass(frozen=True, slots=True)
class RevocationTimer:
    """The member is put out of the group unless it has let go what it must by then."""

    group_id: str
    member_id: str


@dataclass(frozen=True, slots=True)
class RejoinTimer:
    """A member of the classic protocol was called back, and is put out of the group unless it has joined by then."""

    group_id: str
    member_id: str


@dataclass(frozen=True, slots=True)
class MemberSyncTimer:
    """A member of the classic protocol has joined, and is put out of the group unless it asks for its assignment by
    then."""

    group_id: str
    member_id: str


MemberTimer = MemberSessionTimer | RevocationTimer | RejoinTimer | MemberSyncTimer
MEMBER_TIMERS = (MemberSessionTimer, RevocationTimer, RejoinTimer, MemberSyncTimer)
