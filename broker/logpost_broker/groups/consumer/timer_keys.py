"""The timers of a member of a consumer group."""

from __future__ import annotations

from logpost_broker.coordinator.timer_keys import MemberTimer


class MemberSessionTimer(MemberTimer):
    """The member is gone unless it sends something before."""

    __slots__ = ()


class RevocationTimer(MemberTimer):
    """The member is removed unless it has given up by then what it must."""

    __slots__ = ()


class RejoinTimer(MemberTimer):
    """A member of the classic protocol was called back, and is removed unless it has joined by then."""

    __slots__ = ()


class MemberSyncTimer(MemberTimer):
    """A member of the classic protocol has joined, and is removed unless it asks for its assignment by then."""

    __slots__ = ()


ConsumerTimer = MemberSessionTimer | RevocationTimer | RejoinTimer | MemberSyncTimer
MEMBER_TIMERS = (MemberSessionTimer, RevocationTimer, RejoinTimer, MemberSyncTimer)
