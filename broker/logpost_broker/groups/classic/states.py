"""The states of a classic group, and which may follow which.

state                on JoinGroup             on SyncGroup             on Heartbeat          leaves to
Empty                starts a rebalance       UNKNOWN_MEMBER_ID        UNKNOWN_MEMBER_ID     Preparing, Dead
PreparingRebalance   parked                   REBALANCE_IN_PROGRESS    REBALANCE_IN_PROGRESS Completing when all have
                                                                                             joined or time is up; Empty
                                                                                             when nobody is left
CompletingRebalance  same: the same answer    parked; the leader's     none                  Stable by the leader's
                     changed: rebalance       answers all                                    SyncGroup, Preparing
Stable               same: the same answer    the assignment           none                  Preparing when members
                     changed, new, or the                                                    come, go or change
                     leader: rebalance
Dead                 deleted, and known to nobody
"""

from __future__ import annotations

from enum import Enum


class GroupState(Enum):
    """The values are what DescribeGroups and ListGroups call them."""

    EMPTY = "Empty"
    PREPARING_REBALANCE = "PreparingRebalance"
    COMPLETING_REBALANCE = "CompletingRebalance"
    STABLE = "Stable"
    DEAD = "Dead"


_EVERY = frozenset(GroupState)

ALLOWED_BEFORE: dict[GroupState, frozenset[GroupState]] = {
    # A journaled group is applied to what an earlier record left, so Empty and Stable also follow each other.
    GroupState.EMPTY: frozenset({GroupState.EMPTY, GroupState.PREPARING_REBALANCE, GroupState.STABLE}),
    GroupState.STABLE: frozenset({GroupState.EMPTY, GroupState.COMPLETING_REBALANCE, GroupState.STABLE}),
    GroupState.PREPARING_REBALANCE: frozenset({GroupState.EMPTY, GroupState.COMPLETING_REBALANCE, GroupState.STABLE}),
    GroupState.COMPLETING_REBALANCE: frozenset({GroupState.PREPARING_REBALANCE}),
    GroupState.DEAD: _EVERY,
}
