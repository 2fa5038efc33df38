"""The timer of a member of a share group."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ShareSessionTimer:
    """The member is gone unless it is heard of before."""

    group_id: str
    member_id: str
