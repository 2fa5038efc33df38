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
    """The member is put out of the group unless it has let go what it shall by then."""

    group_id: str
    member_id: str
