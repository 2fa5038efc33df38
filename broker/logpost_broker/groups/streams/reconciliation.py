"""One member on its way from the tasks it has to those it should have: a function of values.

An active task changes hands in this order: its owner is told to revoke it (`UNREVOKED_TASKS`), says that it no longer
owns it, moves to the target's epoch; then the new owner, which waits (`UNRELEASED_TASKS`), is given it. A process never
has a task twice, in whatever roles: its members share a state directory.

state       when                                                         becomes
any         has what it should not, and has not let that go              Unrevoked, in its old epoch
any         nothing to let go, but what it should have is not free       Unreleased, in the target's epoch
any         nothing to let go, nothing to wait for                       Stable, in the target's epoch
Unrevoked   not all let go, or it does not say                           stays, whatever the target is meanwhile
Unrevoked   all let go, but the target has changed again                 Unrevoked, in its old epoch plus one
Stable      in the target's epoch already                                stays
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from logpost_broker.groups.streams.events import StreamsCurrentStored, StreamsMemberState
from logpost_broker.groups.streams.tasks import NO_TASKS, Tasks


def reconcile(
    current: StreamsCurrentStored,
    target: Tasks,
    target_epoch: int,
    owned: Tasks | None,
    not_free: Callable[[Tasks], Tasks],
) -> StreamsCurrentStored:
    """The member's next state; the same one when nothing changes.

    `owned`: what the member says it has, None when it does not say. `not_free`: which of these tasks it cannot be given
    yet, because other members have or are letting go what stands in the way.
    """
    epoch = current.epoch
    if current.state is StreamsMemberState.UNREVOKED_TASKS:
        if _has(owned, current.revoking):
            return current
        epoch += 1
    if current.state is StreamsMemberState.STABLE and current.epoch == target_epoch:
        return current
    kept = current.assigned & target
    revoking = current.assigned - target
    if not revoking.is_empty and _has(owned, revoking):
        return _moved(current, epoch, StreamsMemberState.UNREVOKED_TASKS, kept, revoking)
    waiting_for = not_free(target - kept)
    state = StreamsMemberState.STABLE if waiting_for.is_empty else StreamsMemberState.UNRELEASED_TASKS
    return _moved(current, target_epoch, state, target - waiting_for, NO_TASKS)


def _moved(
    current: StreamsCurrentStored, epoch: int, state: StreamsMemberState, assigned: Tasks, revoking: Tasks
) -> StreamsCurrentStored:
    epochs = current.assignment_epochs
    return replace(
        current,
        epoch=epoch,
        previous_epoch=current.previous_epoch if current.epoch == epoch else current.epoch,
        state=state,
        assigned=assigned,
        revoking=revoking,
        assignment_epochs={task: epochs.get(task, epoch) for task in assigned.active | revoking.active},
    )


def _has(owned: Tasks | None, revoking: Tasks) -> bool:
    """Who does not say what it has still has it."""
    return owned is None or owned.overlaps(revoking)
