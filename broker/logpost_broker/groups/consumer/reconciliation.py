"""One member on its way from what it has to what it should have: a function of values.

A partition changes hands in this order: its owner is told to revoke it (`UNREVOKED_PARTITIONS`), says that it no longer
owns it, moves to the target's epoch; then the new owner, which waits (`UNRELEASED_PARTITIONS`), is given it.

state           when                                                         becomes
any             has what it should not, and has not let that go              Unrevoked, in its old epoch
any             nothing to let go, but others hold what it should have       Unreleased, in the target's epoch
any             nothing to let go, nothing to wait for                       Stable, in the target's epoch
Unrevoked       not all let go                                               stays, whatever the target is meanwhile
Stable          in the target's epoch already                                stays
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from logpost_broker.groups.consumer.events import CurrentStored, MemberState, Partitions


def reconcile(
    current: CurrentStored,
    target: Partitions,
    target_epoch: int,
    owned: Partitions | None,
    held_by_others: Callable[[Partitions], Partitions],
) -> CurrentStored:
    """The member's next state; the same one when nothing changes.

    `owned`: what the member says it has, None when it does not say. `held_by_others`: which of these partitions other
    members have or are letting go.
    """
    if current.state is MemberState.UNREVOKED_PARTITIONS and _has(owned, current.revoking):
        return current
    if current.state is MemberState.STABLE and current.epoch == target_epoch:
        return current
    kept = current.assigned & target
    revoking = current.assigned - target
    if revoking and _has(owned, revoking):
        epochs = {place: since for place, since in current.assignment_epochs.items() if place in kept | revoking}
        return replace(
            current,
            state=MemberState.UNREVOKED_PARTITIONS,
            assigned=kept,
            revoking=revoking,
            assignment_epochs=epochs,
        )
    unreleased = held_by_others(target - kept)
    epochs = {place: since for place, since in current.assignment_epochs.items() if place in kept}
    return replace(
        current,
        epoch=target_epoch,
        previous_epoch=current.previous_epoch if current.epoch == target_epoch else current.epoch,
        state=MemberState.UNRELEASED_PARTITIONS if unreleased else MemberState.STABLE,
        assigned=target - unreleased,
        revoking=frozenset(),
        assignment_epochs={**epochs, **dict.fromkeys(target - unreleased - kept, target_epoch)},
    )


def _has(owned: Partitions | None, revoking: Partitions) -> bool:
    """Who does not say what it has still has it."""
    return owned is None or not owned.isdisjoint(revoking)
