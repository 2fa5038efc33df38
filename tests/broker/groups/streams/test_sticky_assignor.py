"""Who gets which task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from logpost_broker.groups.streams.sticky_assignor import AssignmentMember, TasksToAssign, assign
from logpost_broker.groups.streams.tasks import NO_TASKS, TaskId, Tasks
from tests.broker.groups.streams.harness import tasks


def members(**processes: str) -> dict[str, AssignmentMember]:
    """Members without tasks, by their process."""
    return {name: AssignmentMember(process_id=process, previous=NO_TASKS) for name, process in processes.items()}


def after(before: Mapping[str, AssignmentMember], targets: Mapping[str, Tasks]) -> dict[str, AssignmentMember]:
    return {
        name: AssignmentMember(process_id=member.process_id, previous=targets.get(name, NO_TASKS))
        for name, member in before.items()
    }


def stateful(count: int, replicas: int = 0) -> TasksToAssign:
    return TasksToAssign(stateful=tuple(("1", partition) for partition in range(count)), standby_replicas=replicas)


def test_the_same_partitions_of_several_subtopologies_lie_together() -> None:
    wanted = TasksToAssign(stateful=(("1", 0), ("1", 1)), stateless=(("0", 0), ("0", 1)))
    assert assign(members(a="p", b="q"), wanted) == {"a": tasks("0_0", "1_0"), "b": tasks("0_1", "1_1")}


def test_a_member_that_comes_takes_only_its_share() -> None:
    one = members(a="p")
    first = assign(one, stateful(4))
    second = assign(after(members(a="p", b="q"), first), stateful(4))
    assert second["a"] <= first["a"]
    assert len(second["a"].active) == len(second["b"].active) == 2


def test_when_a_member_goes_the_others_keep_what_they_have() -> None:
    three = members(a="p", b="q", c="r")
    first = assign(three, stateful(6))
    left = after({name: three[name] for name in ("a", "b")}, first)
    second = assign(left, stateful(6))
    assert first["a"] <= second["a"]
    assert first["b"] <= second["b"]


def test_a_lost_task_goes_to_its_standby() -> None:
    before = members(a="p", b="q", c="r")
    before["c"] = AssignmentMember(process_id="r", previous=tasks(standby="1_0"))
    before["a"] = AssignmentMember(process_id="p", previous=tasks("1_1"))
    assert assign(before, stateful(2))["c"].active == {("1", 0)}


def test_threads_of_one_process_share_and_have_no_standby_of_each_other() -> None:
    targets = assign(members(a1="p", a2="p", b="q"), stateful(3, 1))
    active = {name: task for name, target in targets.items() for task in target.active}
    assert len(active) == 3
    in_p = targets["a1"] | targets["a2"]
    assert not in_p.active & in_p.standby
    assert in_p.standby == targets["b"].active
    assert targets["b"].standby == in_p.active


def test_standbys_stay_where_they_are() -> None:
    three = members(a="p", b="q", c="r")
    first = assign(three, stateful(6, 1))
    assert assign(after(three, first), stateful(6, 1)) == first


def test_without_another_process_there_is_no_standby() -> None:
    assert assign(members(a="p", b="p"), stateful(2, 1))["a"].standby == frozenset()


MEMBERS = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("pqr"), min_size=1)
TASKS = st.sets(st.tuples(st.sampled_from("012"), st.integers(0, 5)))


@given(first=MEMBERS, second=MEMBERS, wanted=TASKS, stateless=TASKS, replicas=st.integers(0, 2))
def test_every_task_has_one_owner_and_as_many_standbys_as_there_are_processes(
    first: dict[str, str], second: dict[str, str], wanted: set[TaskId], stateless: set[TaskId], replicas: int
) -> None:
    todo = TasksToAssign(
        stateful=tuple(sorted(wanted)), stateless=tuple(sorted(stateless - wanted)), standby_replicas=replicas
    )
    before = assign(members(**first), todo)
    targets = assign(after(members(**second), before), todo)
    active = Counter(task for target in targets.values() for task in target.active)
    assert active == Counter(wanted | stateless)
    standby = Counter(task for target in targets.values() for task in target.standby)
    others = len(set(second.values())) - 1
    assert standby == Counter({task: min(replicas, others) for task in wanted if min(replicas, others)})
    for process in set(second.values()):
        in_process = [targets[name] for name in second if second[name] == process]
        held = Counter(task for target in in_process for task in (*target.active, *target.standby))
        assert all(count == 1 for count in held.values()), held
