"""Members of a streams group: joining, being told, letting go, being fenced, leaving."""

from __future__ import annotations

from dataclasses import replace

import pytest
from kio.schema.errors import ErrorCode

from logpost_broker.groups.offsets.messages import Commit, CommitReply, Delete, DeleteReply, OffsetToCommit
from logpost_broker.groups.streams.events import Endpoint
from logpost_broker.groups.streams.messages import EndpointPartitions
from logpost_broker.groups.streams.statuses import StatusCode
from logpost_broker.groups.streams.tasks import NO_TASKS
from logpost_broker.groups.streams.topology import InternalTopic, Subtopology, Topology
from tests.broker.groups.streams.harness import (
    AN_INTERVAL_MS,
    CHANGELOG,
    GROUP,
    LINES,
    REBALANCE_MS,
    REPARTITION,
    WORD_COUNT,
    StreamsHarness,
    tasks,
)

ALL = tasks("0_0", "0_1", "1_0", "1_1")


@pytest.fixture
def h() -> StreamsHarness:
    return StreamsHarness()


def state(h: StreamsHarness) -> str:
    return h.group.state.value


def statuses(h: StreamsHarness) -> set[StatusCode]:
    """What `a` was told last."""
    return set(h.clients["a"].statuses)


def test_the_first_member_brings_the_topology_and_gets_the_internal_topics_made(h: StreamsHarness) -> None:
    reply = h.beat("a")
    assert {(topic.name, topic.partitions) for topic in reply.missing_topics} == {(REPARTITION, 2), (CHANGELOG, 2)}
    assert h.clients["a"].statuses == (StatusCode.MISSING_INTERNAL_TOPICS,)
    assert (reply.member_epoch, reply.assigned, state(h)) == (2, NO_TASKS, "NotReady")
    reply = h.beat("a")
    assert (reply.member_epoch, reply.statuses, reply.assigned) == (3, (), ALL)
    assert state(h) == "Stable"
    assert h.beat("a").assigned is None, "it knows"


def test_an_existing_group_of_a_known_topology_needs_no_topics(h: StreamsHarness) -> None:
    h.settle("a")
    assert h.beat("b").missing_topics == ()


def test_a_task_is_let_go_before_it_is_given_on(h: StreamsHarness) -> None:
    h.settle("a")
    assert h.beat("b").assigned == NO_TASKS
    assert state(h) == "Reconciling"
    kept = h.beat("a").assigned
    assert kept is not None
    assert kept <= ALL
    assert h.beat("b").assigned is None, "they are not let go yet"
    assert h.beat("a").member_epoch == h.group.epoch
    given = h.beat("b").assigned
    assert given == ALL - kept
    assert state(h) == "Stable"


def test_a_member_that_leaves_gives_its_tasks_to_the_others(h: StreamsHarness) -> None:
    h.settle("a", "b")
    assert h.leave("a").code is ErrorCode.none
    h.settle("b")
    assert h.clients["b"].owned == ALL


def test_a_silent_member_is_gone_after_its_session(h: StreamsHarness) -> None:
    h.settle("a", "b")
    for _ in range(12):
        h.sleep(AN_INTERVAL_MS)
        h.beat("b")
    assert h.clients["b"].owned == ALL
    assert h.beat("a").code is ErrorCode.unknown_member_id
    h.settle("a", "b")
    assert len(h.clients["a"].owned.active) == 2


def test_a_member_that_does_not_let_go_in_time_is_put_out(h: StreamsHarness) -> None:
    h.settle("a")
    h.beat("b")
    stuck = h.clients["a"].owned
    assert h.beat("a").assigned != stuck
    for _ in range(REBALANCE_MS // 1_000):
        h.sleep(1_000)
        h.clients["a"].owned = stuck
        h.beat("a")
    assert h.clients["a"].epoch == 0
    h.settle("b")
    assert h.clients["b"].owned == ALL


def test_another_epoch_is_fenced(h: StreamsHarness) -> None:
    h.settle("a")
    epoch = h.clients["a"].epoch
    for wrong, size in ((epoch + 1, "greater"), (epoch - 2, "smaller")):
        reply = h.beat("a", member_epoch=wrong, topology=None)
        assert reply.code is ErrorCode.fenced_member_epoch
        assert reply.message is not None
        assert f"{size} member epoch ({wrong})" in reply.message


def test_a_member_that_missed_its_answer_is_told_again(h: StreamsHarness) -> None:
    h.beat("a")
    before = replace(h.clients["a"])
    assert h.beat("a").assigned == ALL
    h.clients["a"] = before
    reply = h.beat("a")
    assert (reply.code, reply.assigned) == (ErrorCode.none, ALL)


def test_a_member_that_joins_again_keeps_its_tasks(h: StreamsHarness) -> None:
    h.settle("a")
    epoch = h.group.epoch
    h.clients["a"].epoch = 0
    assert h.beat("a").assigned == ALL
    assert h.group.epoch == epoch


def test_missing_source_topics_are_waited_for(h: StreamsHarness) -> None:
    h.set_topic(LINES, None)
    h.settle("a")
    assert statuses(h) == {StatusCode.MISSING_SOURCE_TOPICS}
    assert state(h) == "NotReady"
    h.set_topic(LINES, 2)
    h.settle("a")
    assert (statuses(h), h.clients["a"].owned) == (set(), ALL)


def test_a_deleted_source_topic_takes_the_tasks_away(h: StreamsHarness) -> None:
    h.settle("a")
    h.set_topic(LINES, None)
    h.settle("a")
    assert (h.clients["a"].owned, state(h)) == (NO_TASKS, "NotReady")


def test_an_internal_topic_that_cannot_be_made_is_told_at_every_heartbeat(h: StreamsHarness) -> None:
    h.creates = False
    h.settle("a")
    assert h.clients["a"].statuses == (StatusCode.MISSING_INTERNAL_TOPICS,)
    assert h.beat("a").missing_topics


def test_an_older_application_is_told_that_it_is_stale(h: StreamsHarness) -> None:
    h.client("a", topology=replace(WORD_COUNT, epoch=1))
    h.settle("a")
    h.beat("b")
    assert StatusCode.STALE_TOPOLOGY in h.clients["b"].statuses


def test_another_topology_is_refused(h: StreamsHarness) -> None:
    h.settle("a")
    other = Topology(epoch=0, subtopologies=(Subtopology(id="0", source_topics=(LINES,)),))
    for topology in (other, replace(WORD_COUNT, epoch=1)):
        h.client("b", topology=topology)
        reply = h.beat("b")
        assert (reply.code, reply.message) == (
            ErrorCode.invalid_request,
            "Topology updates are not supported yet.",
        )


def test_tasks_of_no_topology_are_refused(h: StreamsHarness) -> None:
    h.settle("a")
    for task, reason in (("7_0", "Subtopology 7 does not exist"), ("0_9", "Number of tasks for this subtopology: 2")):
        reply = h.beat("a", active=tasks(task).active)
        assert reply.code is ErrorCode.invalid_request
        assert reason in (reply.message or "")


def test_one_member_can_stop_the_whole_application(h: StreamsHarness) -> None:
    h.settle("a", "b")
    h.beat("a", wants_shutdown=True)
    h.beat("b")
    assert h.clients["b"].statuses == (StatusCode.SHUTDOWN_APPLICATION,)
    h.leave("a")
    h.leave("b", wants_shutdown=True)
    h.beat("c")
    assert StatusCode.SHUTDOWN_APPLICATION not in h.clients["c"].statuses, "the group was empty meanwhile"


def test_a_full_group_takes_nobody(h: StreamsHarness) -> None:
    h.limit(max_members=1)
    h.settle("a")
    assert h.beat("b").code is ErrorCode.group_max_size_reached


def test_a_new_group_may_wait_for_more_members(h: StreamsHarness) -> None:
    h.limit(initial_rebalance_delay_ms=3_000)
    h.beat("a")
    assert StatusCode.ASSIGNMENT_DELAYED in h.clients["a"].statuses
    h.beat("b")
    h.sleep(3_000)
    h.settle("a", "b")
    assert len(h.clients["a"].owned.active) == len(h.clients["b"].owned.active) == 2
    assert h.clients["a"].statuses == ()


def test_a_delay_that_could_not_be_journaled_ends_too(h: StreamsHarness) -> None:
    h.limit(initial_rebalance_delay_ms=3_000)
    h.is_disk_gone = True
    h.beat("a")
    h.is_disk_gone = False
    h.clients["a"].epoch = 0
    h.sleep(3_000)
    h.beat("a")
    assert StatusCode.ASSIGNMENT_DELAYED in statuses(h)
    h.sleep(3_000)
    h.settle("a")
    assert h.clients["a"].owned == ALL


def test_a_topology_that_turns_out_to_make_no_sense_is_refused(h: StreamsHarness) -> None:
    """Its repartition topic is written to by nobody, which is looked at when the source topics are there."""
    h.limit(initial_rebalance_delay_ms=3_000)
    h.set_topic(LINES, None)
    unwritten = replace(WORD_COUNT.subtopologies[0], repartition_sinks=())
    h.client("a", topology=replace(WORD_COUNT, subtopologies=(unwritten, WORD_COUNT.subtopologies[1])))
    h.beat("a")
    h.set_topic(LINES, 2)
    h.sleep(3_000)
    assert h.group.configured is None
    assert h.beat("a").code is ErrorCode.streams_invalid_topology


def test_tasks_are_given_out_at_most_once_in_the_interval(h: StreamsHarness) -> None:
    h.beat("a")
    h.beat("a")
    h.beat("b")
    assert h.clients["b"].statuses == (StatusCode.ASSIGNMENT_DELAYED,)
    assert state(h) == "Assigning"
    h.sleep(1_000)
    h.settle("a", "b")
    assert state(h) == "Stable"


def test_standby_tasks_are_on_other_processes(h: StreamsHarness) -> None:
    h.limit(num_standby_replicas=1)
    h.settle("a", "b")
    a, b = h.clients["a"].owned, h.clients["b"].owned
    stateful = frozenset({("1", 0), ("1", 1)})
    assert a.standby == b.active & stateful
    assert b.standby == a.active & stateful


def test_a_changed_number_of_standbys_holds_at_once(h: StreamsHarness) -> None:
    h.settle("a", "b")
    h.limit(num_standby_replicas=1)
    h.settle("a", "b")
    assert len(h.clients["a"].owned.standby) == 1


def test_the_standby_takes_over(h: StreamsHarness) -> None:
    h.limit(num_standby_replicas=1)
    h.settle("a", "b")
    h.leave("a")
    h.settle("b")
    assert h.clients["b"].owned == ALL


def test_members_are_told_who_answers_queries(h: StreamsHarness) -> None:
    h.client("a", endpoint=Endpoint("h", 7))
    h.settle("a", "b")
    h.clients["b"].endpoint_epoch = -1
    owned = sorted(partition for part_id, partition in h.clients["a"].owned.active if part_id == "0")
    [told] = h.beat("b").endpoints or ()
    assert told.endpoint == Endpoint("h", 7)
    assert (LINES, tuple(owned)) in told.active
    assert h.beat("b").endpoints is None, "it knows"
    h.leave("b")
    [told] = h.beat("a").endpoints or ()
    assert told == EndpointPartitions(
        endpoint=Endpoint("h", 7), active=((LINES, (0, 1)), (REPARTITION, (0, 1))), standby=()
    )


def test_a_restart_forgets_nothing(h: StreamsHarness) -> None:
    h.settle("a", "b")
    before = h.group
    h.crash_and_replay()
    assert h.group == before
    assert h.beat("a").code is ErrorCode.none
    h.sleep(60_000)
    assert state(h) == "Empty", "who is not heard of has its session, and no more"


def commit(h: StreamsHarness, member_id: str, epoch: int, partition: int = 0, topic: str = LINES) -> ErrorCode:
    offset = OffsetToCommit(topic=topic, partition=partition, offset=1, leader_epoch=-1, metadata="")
    request = Commit(group_id=GROUP, member_id=member_id, instance_id=None, generation=epoch, offsets=(offset,))
    outcome = h.core.offsets.commit(request, "waiter", h.now_ms)
    h.carry_out(outcome)
    [(_, reply)] = outcome.replies
    assert isinstance(reply, CommitReply)
    return reply.code


def test_offsets_are_committed_in_the_members_epoch(h: StreamsHarness) -> None:
    h.settle("a")
    epoch = h.clients["a"].epoch
    assert commit(h, "a", epoch) is ErrorCode.none
    assert commit(h, "a", epoch + 1) is ErrorCode.stale_member_epoch
    assert commit(h, "b", epoch) is ErrorCode.unknown_member_id
    assert commit(h, "", -1) is ErrorCode.unknown_member_id
    h.leave("a")
    assert commit(h, "", -1) is ErrorCode.none, "anyone may for a group without members"


def test_offsets_of_an_earlier_epoch_count_for_tasks_that_the_member_has_had_since(h: StreamsHarness) -> None:
    h.settle("a")
    early = h.clients["a"].epoch
    h.settle("a", "b")
    [kept] = [partition for part, partition in h.clients["a"].owned.active if part == "0"]
    assert commit(h, "a", early, kept) is ErrorCode.none
    assert commit(h, "a", early, 1 - kept) is ErrorCode.stale_member_epoch
    assert commit(h, "a", early, kept, "elsewhere") is ErrorCode.stale_member_epoch


def deletion(h: StreamsHarness) -> DeleteReply:
    outcome = h.core.offsets.delete(
        Delete(group_id=GROUP, partitions=[(LINES, 0), ("elsewhere", 0)]), "waiter", h.now_ms
    )
    [(_, reply)] = outcome.replies
    assert isinstance(reply, DeleteReply)
    return reply


def test_offsets_of_topics_that_are_read_stay(h: StreamsHarness) -> None:
    h.settle("a")
    assert deletion(h).codes == {
        (LINES, 0): ErrorCode.group_subscribed_to_topic,
        ("elsewhere", 0): ErrorCode.none,
    }
    h.leave("a")
    assert set(deletion(h).codes.values()) == {ErrorCode.none}


def test_only_an_empty_group_is_deleted_and_then_takes_another_topology(h: StreamsHarness) -> None:
    h.settle("a")
    for code in (ErrorCode.non_empty_group, ErrorCode.none, ErrorCode.group_id_not_found):
        outcome = h.core.delete_group(GROUP, "waiter", h.now_ms)
        h.carry_out(outcome)
        [(_, reply)] = outcome.replies
        assert reply.code is code
        if code is ErrorCode.non_empty_group:
            h.leave("a")
    assert all(value is None for value in h.journal.values())
    changelog = InternalTopic(name="other-changelog", partitions=0, replication_factor=0)
    part = Subtopology(id="x", source_topics=(LINES,), changelogs=(changelog,))
    h.client("b", topology=Topology(epoch=0, subtopologies=(part,)))
    h.settle("b")
    assert h.clients["b"].owned == tasks("x_0", "x_1")
