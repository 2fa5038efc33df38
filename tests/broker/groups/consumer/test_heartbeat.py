"""Members of a consumer group: joining, sharing, leaving, being fenced."""

from __future__ import annotations

import pytest
from kio.schema.errors import ErrorCode

from logpost_broker.groups.consumer.group import ConsumerGroupState
from logpost_broker.metadata.group_limits import ConsumerGroupLimits
from tests.broker.groups.consumer.harness import REBALANCE_MS, Client, ConsumerHarness


@pytest.fixture
def h() -> ConsumerHarness:
    return ConsumerHarness()


def joined(h: ConsumerHarness, *names: str) -> None:
    h.settle(*names)
    assert h.group.state is ConsumerGroupState.STABLE


def test_the_first_member_gets_everything_at_once(h: ConsumerHarness) -> None:
    reply = h.beat("a")
    assert (reply.code, reply.member_epoch, reply.heartbeat_interval_ms) == (ErrorCode.none, 1, 5_000)
    assert reply.assigned == h.all_partitions("logs")
    assert h.group.state is ConsumerGroupState.STABLE


def test_a_quiet_heartbeat_writes_nothing_and_is_told_nothing(h: ConsumerHarness) -> None:
    joined(h, "a")
    before = dict(h.journal)
    reply = h.beat("a", topic_names=None, rebalance_timeout_ms=None, owned=None)
    assert (reply.member_epoch, reply.assigned, h.journal) == (1, None, before)


def test_a_second_member_waits_until_the_first_has_let_go(h: ConsumerHarness) -> None:
    joined(h, "a")
    everything = h.all_partitions("logs")
    assert h.beat("b").assigned == frozenset()
    told = h.beat("a").assigned
    assert told is not None
    assert len(told) == 2
    assert h.beat("b").assigned == frozenset(), "the first has not said that it let go"
    assert h.beat("a").member_epoch == 2
    assert h.beat("b").assigned == everything - told
    assert h.group.state is ConsumerGroupState.STABLE


def test_who_says_nothing_about_what_it_owns_still_owns_it(h: ConsumerHarness) -> None:
    joined(h, "a")
    h.beat("b")
    h.beat("a")
    for _ in range(3):
        assert h.beat("a", owned=None, topic_names=None, rebalance_timeout_ms=None).member_epoch == 1
    assert h.beat("b").assigned == frozenset()


def test_who_does_not_let_go_in_time_is_put_out(h: ConsumerHarness) -> None:
    joined(h, "a")
    h.beat("b")
    h.beat("a")
    for _ in range(3):
        h.sleep(REBALANCE_MS // 3)
        h.beat("b")
        h.beat("a", owned=h.all_partitions("logs"))
    h.sleep(REBALANCE_MS // 3)
    assert h.beat("b").assigned == h.all_partitions("logs")
    assert h.beat("a").code is ErrorCode.unknown_member_id
    joined(h, "a", "b")


def test_who_leaves_gives_its_share_to_the_others(h: ConsumerHarness) -> None:
    joined(h, "a", "b")
    assert h.leave("a").member_epoch == -1
    assert h.beat("b").assigned == h.all_partitions("logs")


def test_who_is_not_heard_of_for_a_session_is_gone(h: ConsumerHarness) -> None:
    joined(h, "a", "b")
    h.sleep(30_000)
    h.beat("b")
    h.sleep(15_000)
    assert [member.member.member_id for member in h.group.members] == ["b"]
    assert h.beat("b").assigned == h.all_partitions("logs")
    assert h.beat("a").code is ErrorCode.unknown_member_id


def test_a_group_without_members_is_empty_and_goes_on_counting(h: ConsumerHarness) -> None:
    joined(h, "a")
    h.leave("a")
    assert (h.group.state, h.group.epoch) == (ConsumerGroupState.EMPTY, 2)
    assert h.beat("b").member_epoch == 3


def test_an_epoch_that_is_not_the_members_is_fenced(h: ConsumerHarness) -> None:
    joined(h, "a")
    h.beat("b")
    joined(h, "a", "b")
    for epoch in (1, 3):
        assert h.beat("a", epoch=epoch, owned=None).code is ErrorCode.fenced_member_epoch


def test_a_lost_answer_is_told_again(h: ConsumerHarness) -> None:
    joined(h, "a")
    h.beat("b")
    owned = h.beat("a").assigned
    assert h.beat("a").member_epoch == 2
    assert h.beat("a", epoch=1, owned=owned).member_epoch == 2


def test_who_lost_its_way_joins_again_under_its_id(h: ConsumerHarness) -> None:
    joined(h, "a")
    reply = h.beat("a", epoch=0, owned=frozenset())
    assert (reply.code, reply.assigned) == (ErrorCode.none, h.all_partitions("logs"))


def test_a_stranger_is_told_so(h: ConsumerHarness) -> None:
    assert h.beat("a", epoch=1).code is ErrorCode.group_id_not_found
    joined(h, "a")
    assert h.beat("b", epoch=1).code is ErrorCode.unknown_member_id
    assert h.leave("b").code is ErrorCode.unknown_member_id


def test_a_full_group_takes_nobody_more() -> None:
    h = ConsumerHarness(limits=ConsumerGroupLimits(max_members=2))
    joined(h, "a", "b")
    assert h.beat("c").code is ErrorCode.group_max_size_reached
    assert h.beat("a").code is ErrorCode.none


def test_a_static_member_is_back_with_what_it_had_and_nobody_notices(h: ConsumerHarness) -> None:
    h.clients["a"] = Client("first", instance_id="one")
    joined(h, "a", "b")
    epoch, owned = h.group.epoch, h.clients["a"].owned
    assert h.leave("a", -2).member_epoch == -2
    h.clients["a"] = Client("second", instance_id="one")
    assert h.beat("a").assigned == owned
    assert h.group.epoch == epoch
    h.clients["old"] = Client("first", instance_id="one", epoch=epoch)
    assert h.beat("old").code is ErrorCode.fenced_instance_id


def test_an_instance_id_belongs_to_one_member(h: ConsumerHarness) -> None:
    h.clients["a"] = Client("first", instance_id="one")
    h.clients["b"] = Client("second", instance_id="one")
    joined(h, "a")
    assert h.beat("b").code is ErrorCode.unreleased_instance_id


def test_a_static_member_that_does_not_come_back_is_gone_after_its_session(h: ConsumerHarness) -> None:
    h.clients["a"] = Client("first", instance_id="one")
    joined(h, "a", "b")
    h.leave("a", -2)
    for _ in range(9):
        assert len(h.beat("b").assigned or ()) == 2
        h.sleep(5_000)
    assert h.beat("b").assigned == h.all_partitions("logs")


def test_another_subscription_is_another_assignment(h: ConsumerHarness) -> None:
    h.set_topic("other", 3)
    joined(h, "a")
    h.client("a", topics=("other",))
    h.beat("a")
    assert h.beat("a").assigned == h.all_partitions("other")
    assert h.group.epoch == 2


def test_topics_that_come_grow_and_go_are_noticed(h: ConsumerHarness) -> None:
    h.client("a", topics=("logs", "later"))
    joined(h, "a")
    h.set_topic("later", 2)
    assert h.beat("a").assigned == h.all_partitions("logs", "later")
    h.set_topic("logs", 6)
    assert h.beat("a").assigned == h.all_partitions("logs", "later")
    h.set_topic("logs", None)
    assert h.beat("a").assigned == h.all_partitions("later")
    assert h.group.epoch == 4


def test_topics_of_others_change_nothing(h: ConsumerHarness) -> None:
    joined(h, "a")
    h.set_topic("unrelated", 5)
    h.beat("a")
    assert h.group.epoch == 1


def test_a_regular_expression_follows_the_topics(h: ConsumerHarness) -> None:
    h.client("a", topics=None, regex="^logs.*")
    assert h.beat("a").assigned == h.all_partitions("logs")
    h.set_topic("logs-web", 1)
    h.set_topic("my-logs", 1)
    assert h.beat("a").assigned == h.all_partitions("logs", "logs-web")
    h.client("a", topics=("my-logs",), regex="")
    joined(h, "a")
    assert h.clients["a"].owned == h.all_partitions("my-logs")


def test_a_bad_regular_expression_is_refused_and_changes_nothing(h: ConsumerHarness) -> None:
    assert h.beat("a", topic_regex="(logs").code is ErrorCode.invalid_regular_expression
    assert h.journal == {}
    joined(h, "a")
    assert h.beat("a", topic_regex="(logs").code is ErrorCode.invalid_regular_expression
    assert h.beat("a").code is ErrorCode.none


def test_the_assignor_most_members_want_is_used(h: ConsumerHarness) -> None:
    h.set_topic("other", 4)
    for name in "ab":
        h.client(name, topics=("logs", "other"), assignor="range")
    h.client("c", topics=("logs", "other"), assignor="uniform")
    joined(h, "a", "b", "c")
    assert h.group.assignor == "range"
    for client in h.clients.values():
        by_topic = [
            {partition for topic, partition in client.owned if topic == h.topics[name].id} for name in ("logs", "other")
        ]
        assert by_topic[0] == by_topic[1]


@pytest.mark.parametrize(
    "wrong",
    [
        {"group_id": ""},
        {"member_id": ""},
        {"instance_id": ""},
        {"rack_id": ""},
        {"member_epoch": -3},
        {"member_epoch": -2},
        {"rebalance_timeout_ms": None},
        {"owned": None},
        {"topic_names": None},
        {"member_id": "m" * 40_000},
    ],
)
def test_a_request_that_makes_no_sense_is_refused(h: ConsumerHarness, wrong: dict[str, object]) -> None:
    assert h.beat("a", **wrong).code is ErrorCode.invalid_request  # type: ignore[arg-type]  # values of many types
    assert h.journal == {}


def test_an_assignor_that_is_not_here_is_refused(h: ConsumerHarness) -> None:
    reply = h.beat("a", server_assignor="mine")
    assert reply.code is ErrorCode.unsupported_assignor
    assert "uniform" in (reply.message or "")


def test_a_crash_costs_nothing(h: ConsumerHarness) -> None:
    h.client("a", topics=None, regex="logs.*")
    joined(h, "a", "b")
    before = h.group
    h.crash_and_replay()
    assert h.group == before
    h.settle("a", "b")
    assert h.group == before


def test_a_crash_amid_a_rebalance_forgets_no_revocation(h: ConsumerHarness) -> None:
    joined(h, "a")
    h.beat("b")
    h.beat("a", owned=h.clients["a"].owned)
    h.crash_and_replay()
    h.sleep(REBALANCE_MS)
    assert [member.member.member_id for member in h.group.members] == ["b"]


def test_the_snapshot_is_the_state(h: ConsumerHarness) -> None:
    h.client("a", topics=None, regex="logs.*")
    joined(h, "a", "b")
    again = ConsumerHarness(topics=h.topics)
    for event in reversed(h.core.consumers.snapshot()):
        again.core.apply(event)
    assert again.group == h.group
