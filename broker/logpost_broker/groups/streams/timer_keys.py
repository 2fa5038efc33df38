"""The timers of a streams group and of its members."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StreamsSessionTimer:
    """The member is gone unless it is heard of before."""

    group_id: str
    member_id: str


@dataclass(frozen=True, slots=True)
class StreamsRevocationTimer:
    """The member is put out of the group unless it has let go what it must by then."""

    group_id: str
    member_id: str


@dataclass(frozen=True, slots=True)
class InitialDelayTimer:
    """A new group has waited for more members; now tasks are given out."""

    group_id: str


StreamsMemberTimer = StreamsSessionTimer | StreamsRevocationTimer
StreamsTimer = StreamsMemberTimer | InitialDelayTimer
