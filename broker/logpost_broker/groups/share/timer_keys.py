"""The timer of a member of a share group."""

from __future__ import annotations

from logpost_broker.coordinator.timer_keys import MemberTimer


class ShareSessionTimer(MemberTimer):
    """The member is gone unless it sends something before."""

    __slots__ = ()
