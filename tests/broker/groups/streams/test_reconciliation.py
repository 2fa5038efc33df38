"""One member on its way from the tasks it has to those it should have."""

from __future__ import annotations

from logpost_broker.groups.streams.events import StreamsCurrentStored, StreamsMemberState
from logpost_broker.groups.streams.reconciliation import reconcile
from logpost_broker.groups.streams.tasks import NO_TASKS, Tasks
from tests.broker.groups.streams.harness import tasks

STABLE, UNREVOKED, UNRELEASED = StreamsMemberState
NOTHING = StreamsCurrentStored(group_id="g", member_id="m", epoch=0, previous_epoch=0)


def a_member(assigned: Tasks, revoking: Tasks = NO_TASKS, epoch: int = 3) -> StreamsCurrentStored:
    state = STABLE if revoking.is_empty else UNREVOKED
    epochs = dict.fromkeys(assigned.active | revoking.active, epoch)
    return StreamsCurrentStored(
        group_id="g",
        member_id="m",
        epoch=epoch,
        previous_epoch=epoch - 1,
        state=state,
        assigned=assigned,
        revoking=revoking,
        assignment_epochs=epochs,
    )


def step(
    current: StreamsCurrentStored, target: Tasks, epoch: int, owned: Tasks | None, taken: Tasks = NO_TASKS
) -> StreamsCurrentStored:
    return reconcile(current, target, epoch, owned, lambda wanted: wanted & taken)


def test_a_new_member_gets_its_target() -> None:
    after = step(NOTHING, tasks("0_0", standby="1_1"), 4, NO_TASKS)
    assert (after.state, after.epoch, after.assigned) == (STABLE, 4, tasks("0_0", standby="1_1"))
    assert after.assignment_epochs == {("0", 0): 4}, "active tasks only"


def test_a_member_in_the_targets_epoch_stays() -> None:
    current = a_member(tasks("0_0"))
    assert step(current, tasks("0_1"), 3, tasks("0_0")) is current


def test_what_a_member_has_to_let_go_comes_first() -> None:
    after = step(a_member(tasks("0_0", "0_1")), tasks("0_0", "0_2"), 4, tasks("0_0", "0_1"))
    assert (after.state, after.epoch) == (UNREVOKED, 3)
    assert (after.assigned, after.revoking) == (tasks("0_0"), tasks("0_1"))
    assert after.assignment_epochs == {("0", 0): 3, ("0", 1): 3}


def test_a_member_that_has_let_go_gets_the_rest() -> None:
    after = step(a_member(tasks("0_0"), tasks("0_1")), tasks("0_0", "0_2"), 4, tasks("0_0"))
    assert (after.state, after.epoch, after.previous_epoch) == (STABLE, 4, 3)
    assert after.assigned == tasks("0_0", "0_2")
    assert after.assignment_epochs == {("0", 0): 3, ("0", 2): 4}


def test_a_member_that_does_not_say_has_not_let_go() -> None:
    current = a_member(tasks("0_0"), tasks("0_1"))
    assert step(current, tasks("0_0"), 4, None) is current
    assert step(current, tasks("0_0"), 4, tasks("0_0", "0_1")) is current


def test_a_target_that_changed_meanwhile_asks_for_more() -> None:
    after = step(a_member(tasks("0_0"), tasks("0_1")), NO_TASKS, 6, tasks("0_0"))
    assert (after.state, after.epoch, after.revoking) == (UNREVOKED, 4, tasks("0_0"))


def test_a_member_waits_for_what_others_have() -> None:
    after = step(a_member(tasks("0_0")), tasks("0_0", "0_1", "0_2"), 4, tasks("0_0"), taken=tasks("0_2"))
    assert (after.state, after.epoch, after.assigned) == (UNRELEASED, 4, tasks("0_0", "0_1"))
    later = step(after, tasks("0_0", "0_1", "0_2"), 4, tasks("0_0", "0_1"))
    assert (later.state, later.assigned) == (STABLE, tasks("0_0", "0_1", "0_2"))


def test_a_task_changes_its_role_by_being_let_go_first() -> None:
    after = step(a_member(tasks(standby="1_0")), tasks("1_0"), 4, tasks(standby="1_0"))
    assert (after.state, after.revoking) == (UNREVOKED, tasks(standby="1_0"))
    assert step(after, tasks("1_0"), 4, NO_TASKS).assigned == tasks("1_0")
