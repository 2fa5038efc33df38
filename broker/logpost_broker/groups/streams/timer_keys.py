"""The timers of a streams group and of its members."""

from __future__ import annotations

from logpost_broker.coordinator.timer_keys import GroupTimer, MemberTimer


class StreamsSessionTimer(MemberTimer):
    """The member is gone unless it is heard of before."""

    __slots__ = ()


class StreamsRevocationTimer(MemberTimer):
    """The member is put out of the group unless it has let go what it must by then."""

    __slots__ = ()


class InitialDelayTimer(GroupTimer):
    """A new group has waited for more members; now tasks are given out."""

    __slots__ = ()


StreamsMemberTimer = StreamsSessionTimer | StreamsRevocationTimer
StreamsTimer = StreamsMemberTimer | InitialDelayTimer
