"""The timers of a streams group and of its members."""

from __future__ import annotations

from logpost_broker.coordinator.timer_keys import GroupTimer, MemberTimer


class StreamsSessionTimer(MemberTimer):
    """The member is gone unless it sends something before."""

    __slots__ = ()


class StreamsRevocationTimer(MemberTimer):
    """The member is removed unless it has given up by then what it must."""

    __slots__ = ()


class InitialDelayTimer(GroupTimer):
    """A new group has waited for more members; now tasks are given out."""

    __slots__ = ()


StreamsMemberTimer = StreamsSessionTimer | StreamsRevocationTimer
StreamsTimer = StreamsMemberTimer | InitialDelayTimer
