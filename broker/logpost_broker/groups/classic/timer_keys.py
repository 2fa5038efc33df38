"""What the timers of a classic group stand for."""

from __future__ import annotations

from logpost_broker.coordinator.timer_keys import GroupTimer, MemberTimer


class SessionTimer(MemberTimer):
    """The member is gone unless it sends something before."""

    __slots__ = ()


class PendingTimer(MemberTimer):
    """An id was given out (KIP-394) and its owner has to come back with it."""

    __slots__ = ()


class RebalanceTimer(GroupTimer):
    """Members that have not joined by then are left behind."""

    __slots__ = ()


class SyncTimer(GroupTimer):
    """Members that have joined and not asked for their assignment by then are left behind."""

    __slots__ = ()


class CallBackTimer(GroupTimer):
    """The group has become a classic one, whose members have to agree on who gets what."""

    __slots__ = ()


ClassicTimer = SessionTimer | PendingTimer | RebalanceTimer | SyncTimer | CallBackTimer
