"""Members of the classic and of the new protocol in one group, and the group on its way from one to the other and back
(KIP-848): nobody stops reading but who has to let go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest
from kio.schema.errors import ErrorCode

from logpost_broker.groups.classic.messages import JoinReply
from logpost_broker.groups.classic.states import GroupState
from logpost_broker.groups.consumer.group import ConsumerGroupState
from logpost_broker.groups.kinds import GroupKind
from logpost_broker.groups.offsets.messages import Commit, CommitReply, OffsetToCommit
from logpost_broker.metadata.group_limits import ConsumerGroupLimits
from tests.broker.groups.consumer.classic import SESSION_MS, ClassicClient
from tests.broker.groups.consumer.harness import GROUP, REBALANCE_MS, ConsumerHarness


@pytest.fixture
def h() -> ConsumerHarness:
    return ConsumerHarness()


def classic_group(h: ConsumerHarness, *names: str, static: bool = False) -> list[ClassicClient]:
    """Stable, and each has its share."""
    clients = [ClassicClient(h, name, instance_id=name if static else None) for name in names]
    settle(h, clients)
    described = h.core.describe(GROUP)
    assert described is not None
    assert described.state is GroupState.STABLE
    assert sorted(place for client in clients for place in client.owned) == [("logs", number) for number in range(4)]
    return clients


def settle(h: ConsumerHarness, clients: Sequence[ClassicClient], *names: str) -> None:
    """All go on until nobody is called back any more."""
    for _ in range(20):
        for client in clients:
            client.step()
        for name in names:
            h.beat(name)
        h.sleep(0)


def held(h: ConsumerHarness, clients: Iterable[ClassicClient], *names: str) -> list[tuple[str, int]]:
    """What all of them own, as (topic, partition), sorted."""
    named = {topic.id: name for name, topic in h.topics.items()}
    new = [(named[id_], partition) for name in names for id_, partition in h.clients[name].owned]
    return sorted([*new, *(place for client in clients for place in client.owned)])


ALL = [("logs", number) for number in range(4)]


def test_the_first_new_member_takes_the_group_along(h: ConsumerHarness) -> None:
    a, b = classic_group(h, "a", "b")
    generation = a.generation
    assert h.beat("n").code is ErrorCode.none
    assert h.core.kinds.of(GROUP) is GroupKind.CONSUMER
    assert h.core.describe(GROUP) is None
    assert h.clients["n"].epoch == generation + 1
    assert h.clients["n"].owned == frozenset(), "the others have all of it"
    settle(h, [a, b], "n")
    assert held(h, [a, b], "n") == ALL
    assert h.clients["n"].owned
    assert a.owned
    assert b.owned
    assert h.group.state is ConsumerGroupState.STABLE
    assert {member.member.member_id: member.member.classic is not None for member in h.group.members} == {
        "a-id": True,
        "b-id": True,
        "n": False,
    }


@pytest.mark.parametrize("crash", [False, True])
def test_nobody_else_lets_go_of_what_it_keeps(h: ConsumerHarness, crash: bool) -> None:
    a, b = classic_group(h, "a", "b")
    before = a.owned, b.owned
    h.beat("n")
    if crash:
        h.crash_and_replay()
    settle(h, [a, b], "n")
    assert a.owned <= before[0]
    assert b.owned <= before[1]
    assert held(h, [a, b], "n") == ALL


def test_a_rolling_upgrade_and_back(h: ConsumerHarness) -> None:
    clients = classic_group(h, "a", "b")
    for client, name in zip(list(clients), ("x", "y"), strict=True):
        assert client.leave() is ErrorCode.none
        clients.remove(client)
        h.beat(name)
        settle(h, clients, name)
        h.crash_and_replay()
    h.settle("x", "y")
    assert held(h, [], "x", "y") == ALL
    assert all(member.member.classic is None for member in h.group.members)

    back = [ClassicClient(h, "c"), ClassicClient(h, "d")]
    settle(h, back, "x", "y")
    assert held(h, back, "x", "y") == ALL
    for name in ("x", "y"):
        assert h.core.kinds.of(GROUP) is GroupKind.CONSUMER
        h.leave(name)
        del h.clients[name]
        settle(h, back, *h.clients)
    assert h.core.kinds.of(GROUP) is GroupKind.CLASSIC
    assert held(h, back) == ALL
    h.crash_and_replay()
    settle(h, back)
    assert held(h, back) == ALL


def test_the_group_is_classic_again_when_the_last_new_member_dies(h: ConsumerHarness) -> None:
    [a] = classic_group(h, "a")
    h.beat("n")
    settle(h, [a], "n")
    assert len(a.owned) == 2
    generation = a.generation
    for _ in range(h.limits.session_timeout_ms // 5_000):
        h.sleep(5_000)
        if a.heartbeat() is not ErrorCode.none:
            break
    assert h.core.kinds.of(GROUP) is GroupKind.CLASSIC
    assert len(a.owned) == 2, "it is called back, and keeps what it has meanwhile"
    settle(h, [a])
    assert sorted(a.owned) == ALL
    assert a.generation > generation


def test_members_are_called_back_although_the_broker_dies_as_the_group_becomes_classic(h: ConsumerHarness) -> None:
    [a] = classic_group(h, "a")
    h.beat("n")
    settle(h, [a], "n")
    h.leave("n")
    h.crash_and_replay()
    settle(h, [a])
    assert sorted(a.owned) == ALL


def test_a_member_that_waits_for_a_rebalance_is_sent_back_into_the_new_group(h: ConsumerHarness) -> None:
    a, b = classic_group(h, "a", "b")
    c = ClassicClient(h, "c")
    c.join()
    assert c.is_parked, "the others are called back first"
    h.beat("n")
    assert isinstance(c.replies[-1], JoinReply)
    assert c.replies[-1].code is ErrorCode.rebalance_in_progress
    settle(h, [a, b, c], "n")
    assert held(h, [a, b, c], "n") == ALL


def test_a_refused_member_changes_nothing(h: ConsumerHarness) -> None:
    classic_group(h, "a")
    c = ClassicClient(h, "c")
    c.join()
    before = dict(h.journal)
    assert h.beat("n", topic_regex="(").code is ErrorCode.invalid_regular_expression
    assert (h.journal, c.replies) == (before, [])
    assert h.core.kinds.of(GROUP) is GroupKind.CLASSIC


def test_a_group_of_another_protocol_type_stays_what_it_is(h: ConsumerHarness) -> None:
    worker = ClassicClient(h, "w")
    worker.join(protocol_type="connect", protocols=(("sessioned", b"?"),))
    assert h.beat("n").code is ErrorCode.group_id_not_found
    assert h.core.kinds.of(GROUP) is GroupKind.CLASSIC


def test_a_static_member_is_upgraded_in_its_place_and_back(h: ConsumerHarness) -> None:
    a, b = classic_group(h, "a", "b", static=True)
    had = a.owned
    h.client("n", instance_id="a")
    assert h.beat("n").code is ErrorCode.none
    settle(h, [b], "n")
    assert held(h, [b], "n") == ALL
    assert held(h, [], "n") == sorted(had), "an instance that only was restarted keeps what it had"
    assert a.heartbeat() is ErrorCode.fenced_instance_id

    again = ClassicClient(h, "a2", instance_id="a")
    again.join()
    assert isinstance(again.replies[-1], JoinReply)
    assert again.replies[-1].code is ErrorCode.rebalance_in_progress
    assert h.core.kinds.of(GROUP) is GroupKind.CLASSIC
    again.member_id = ""
    settle(h, [again, b])
    assert held(h, [again, b]) == ALL


def test_a_classic_member_that_is_called_back_and_does_not_come_is_out(h: ConsumerHarness) -> None:
    a, b = classic_group(h, "a", "b")
    h.beat("n")
    spent = 0
    while spent < REBALANCE_MS + SESSION_MS:
        a.heartbeat()
        settle(h, [b], "n")
        h.sleep(SESSION_MS // 2)
        spent += SESSION_MS // 2
    assert a.heartbeat() is ErrorCode.unknown_member_id
    settle(h, [b], "n")
    assert held(h, [b], "n") == ALL


def test_a_classic_member_that_never_asks_for_its_partitions_is_out(h: ConsumerHarness) -> None:
    h.settle("n")
    silent = ClassicClient(h, "s")
    silent.join()
    for _ in range(5):
        h.sleep(REBALANCE_MS // 4)
        silent.heartbeat()
        h.beat("n")
    assert silent.heartbeat() is ErrorCode.unknown_member_id
    h.settle("n")
    assert held(h, [], "n") == ALL


def commit(h: ConsumerHarness, client: ClassicClient, generation: int) -> ErrorCode:
    offset = OffsetToCommit(topic="logs", partition=0, offset=7, leader_epoch=-1, metadata="")
    request = Commit(
        group_id=GROUP, member_id=client.member_id, instance_id=None, generation=generation, offsets=(offset,)
    )
    replies: list[CommitReply] = []
    h.carry_out(h.core.offsets.commit(request, replies.append, h.now_ms))
    [reply] = replies
    return reply.codes["logs", 0] if reply.code is ErrorCode.none else reply.code


def test_a_classic_member_is_told_in_words_it_knows(h: ConsumerHarness) -> None:
    [a] = classic_group(h, "a")
    h.beat("n")
    settle(h, [a], "n")
    assert commit(h, a, a.generation) is ErrorCode.none
    assert commit(h, a, a.generation + 1) is ErrorCode.illegal_generation
    a.generation -= 1
    assert a.heartbeat() is ErrorCode.illegal_generation


def refused(client: ClassicClient, **said: object) -> ErrorCode:
    client.join(**said)
    reply = client.replies[-1]
    assert isinstance(reply, JoinReply)
    return reply.code


def test_a_join_that_cannot_be_followed_is_refused() -> None:
    h = ConsumerHarness(limits=ConsumerGroupLimits(max_members=2))
    h.settle("n")
    a = ClassicClient(h, "a")
    assert refused(a, requires_known_member_id=True) is ErrorCode.member_id_required
    assert a.member_id == "a-id"
    settle(h, [a], "n")
    other = ClassicClient(h, "b")
    assert refused(other, protocol_type="connect") is ErrorCode.inconsistent_group_protocol
    assert refused(other, protocols=()) is ErrorCode.inconsistent_group_protocol
    assert refused(other, protocols=(("range", b"\0"),)) is ErrorCode.inconsistent_group_protocol
    assert refused(other) is ErrorCode.group_max_size_reached
    assert refused(ClassicClient(h, "b", member_id="b", instance_id="i")) is ErrorCode.unknown_member_id
    assert len(h.group.members) == 2
