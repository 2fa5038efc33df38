"""The timers of a member of a consumer group."""

from __future__ import annotations

from logpost_broker.coordinator.timer_keys import MemberTimer


class MemberSessionTimer(MemberTimer):
    """The member is gone unless it is heard of before."""

    __slots__ = ()


class RevocationTimer(MemberTimer):
    """The member is put out of the group unless it has let go what it must by then."""

    __slots__ = ()


class RejoinTimer(MemberTimer):
    """A member of the classic protocol was called back, and is put out of the group unless it has joined by then."""

    __slots__ = ()


class MemberSyncTimer(MemberTimer):
    """A member of the classic protocol has joined, and is put out of the group unless it asks for its assignment by
    then."""

    __slots__ = ()


ConsumerTimer = MemberSessionTimer | RevocationTimer | RejoinTimer | MemberSyncTimer
MEMBER_TIMERS = (MemberSessionTimer, RevocationTimer, RejoinTimer, MemberSyncTimer)
