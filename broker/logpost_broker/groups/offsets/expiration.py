"""Which committed offsets are forgotten: those that nobody has needed for a week (KIP-211)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from logpost_broker.groups.classic.group import Group
from logpost_broker.groups.classic.states import GroupState
from logpost_broker.groups.offsets.events import OffsetCommitted

SETTLED = (GroupState.EMPTY, GroupState.STABLE)
"""A rebalance may end with other subscriptions."""


def expired(
    offsets: Iterable[OffsetCommitted],
    group: Group | None,
    is_needed: Callable[[OffsetCommitted], bool],
    *,
    now_ms: int,
    retention_ms: int,
) -> list[OffsetCommitted]:
    """Those whose time is over. It runs from the commit, and in a classic group not before its last member has gone;
    it does not run while a member subscribes to the topic, or a transaction holds a newer offset: `is_needed`.
    `group`: the classic group whose they are, if it ever had members."""
    if group is not None and not group.is_in(*SETTLED):
        return []
    empty_since_ms = group.state_since_ms if group is not None and group.is_in(GroupState.EMPTY) else -1
    return [
        offset
        for offset in offsets
        if now_ms - max(offset.commit_timestamp_ms, empty_since_ms) >= retention_ms and not is_needed(offset)
    ]
