"""What the timers of a classic group stand for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SessionTimer:
    """The member is gone unless it is heard of before."""

    group_id: str
    member_id: str


@dataclass(frozen=True, slots=True)
class PendingTimer:
    """An id was given out (KIP-394) and its owner has to come back with it."""

    group_id: str
    member_id: str


@dataclass(frozen=True, slots=True)
class RebalanceTimer:
    """Members that have not joined by then are left behind."""

    group_id: str


@dataclass(frozen=True, slots=True)
class SyncTimer:
    """Members that have joined and not asked for their assignment by then are left behind."""

    group_id: str


@dataclass(frozen=True, slots=True)
class CallBackTimer:
    """The group has become a classic one, whose members have to agree on who gets what."""

    group_id: str


ClassicTimer = SessionTimer | PendingTimer | RebalanceTimer | SyncTimer | CallBackTimer
