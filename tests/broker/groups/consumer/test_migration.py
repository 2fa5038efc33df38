"""One id is a classic group or a consumer group, never both: who is empty makes room for the other, offsets stay."""

from __future__ import annotations

import pytest
from kio.schema.errors import ErrorCode

from logpost_broker.coordinator.outcome import Outcome
from logpost_broker.groups.classic.messages import Join, JoinReply, Leave, LeavingMember
from logpost_broker.groups.kinds import GroupKind
from logpost_broker.groups.offsets.messages import Commit, CommitReply, Delete, DeleteReply, OffsetToCommit
from logpost_broker.log.producer_identity import ProducerIdentity
from tests.broker.groups.consumer.harness import GROUP, ConsumerHarness

CLASSIC = Join(
    group_id=GROUP,
    member_id="",
    new_member_id="old",
    instance_id=None,
    client_id="test",
    client_host="/127.0.0.1",
    session_timeout_ms=10_000,
    rebalance_timeout_ms=10_000,
    protocol_type="consumer",
    protocols=(("range", b""),),
    requires_known_member_id=False,
    supports_skip_assignment=False,
)


@pytest.fixture
def h() -> ConsumerHarness:
    return ConsumerHarness()


def answer(h: ConsumerHarness, outcome: Outcome) -> object:
    h.carry_out(outcome)
    [(_, reply)] = outcome.replies
    return reply


def join_classic(h: ConsumerHarness) -> ErrorCode:
    reply = answer(h, h.core.join(CLASSIC, "waiter", h.now_ms))
    assert isinstance(reply, JoinReply)
    return reply.code


def commit(
    h: ConsumerHarness, member_id: str = "", epoch: int = -1, producer: ProducerIdentity | None = None
) -> ErrorCode:
    offset = OffsetToCommit(topic="logs", partition=0, offset=7, leader_epoch=-1, metadata="")
    request = Commit(
        group_id=GROUP,
        member_id=member_id,
        instance_id=None,
        generation=epoch,
        offsets=(offset,),
        producer=producer,
    )
    reply = answer(h, h.core.offsets.commit(request, "waiter", h.now_ms))
    assert isinstance(reply, CommitReply)
    return reply.codes["logs", 0] if reply.code is ErrorCode.none else reply.code


def delete(h: ConsumerHarness) -> ErrorCode:
    reply = answer(h, h.core.delete_group(GROUP, "waiter", h.now_ms))
    assert isinstance(reply, DeleteReply)
    return reply.code


def test_an_empty_classic_group_becomes_a_consumer_group_and_keeps_its_offsets(h: ConsumerHarness) -> None:
    assert commit(h) is ErrorCode.none
    assert h.core.kinds.of(GROUP) is GroupKind.CLASSIC
    assert h.beat("a", epoch=1).code is ErrorCode.group_id_not_found
    assert h.beat("a").code is ErrorCode.none
    assert h.core.kinds.of(GROUP) is GroupKind.CONSUMER
    assert h.core.describe(GROUP) is None
    h.crash_and_replay()
    assert h.core.offsets.committed(GROUP)["logs", 0].offset == 7
    assert [group.kind for each in h.core.table.ids() if (group := h.core.table.listed(each))] == [GroupKind.CONSUMER]


def test_a_classic_group_with_members_is_no_consumer_group(h: ConsumerHarness) -> None:
    assert join_classic(h) is ErrorCode.none
    assert h.beat("a").code is ErrorCode.group_id_not_found
    h.carry_out(
        h.core.leave(
            Leave(group_id=GROUP, members=[LeavingMember(member_id="old", instance_id=None)]), "waiter", h.now_ms
        )
    )
    assert h.beat("a").code is ErrorCode.none


def test_an_empty_consumer_group_becomes_a_classic_group_and_keeps_its_offsets(h: ConsumerHarness) -> None:
    h.settle("a")
    assert commit(h, "a", h.clients["a"].epoch) is ErrorCode.none
    assert join_classic(h) is ErrorCode.inconsistent_group_protocol
    h.leave("a")
    assert join_classic(h) is ErrorCode.none
    assert h.core.kinds.of(GROUP) is GroupKind.CLASSIC
    assert h.core.consumers.describe(GROUP) is None
    assert h.core.offsets.committed(GROUP)["logs", 0].offset == 7
    h.crash_and_replay()
    assert h.core.kinds.of(GROUP) is GroupKind.CLASSIC


def test_a_request_that_is_refused_converts_nothing(h: ConsumerHarness) -> None:
    commit(h)
    assert h.beat("a", topic_regex="(").code is ErrorCode.invalid_regular_expression
    assert h.core.kinds.of(GROUP) is GroupKind.CLASSIC


def test_an_id_of_another_kind_is_neither(h: ConsumerHarness) -> None:
    h.core.kinds.register(GroupKind.SHARE, GROUP.__eq__)
    assert h.beat("a").code is ErrorCode.group_id_not_found
    assert join_classic(h) is ErrorCode.inconsistent_group_protocol


def test_offsets_are_committed_in_the_members_epoch(h: ConsumerHarness) -> None:
    h.settle("a")
    epoch = h.clients["a"].epoch
    assert commit(h, "a", epoch + 1) is ErrorCode.stale_member_epoch
    assert commit(h, "stranger", epoch) is ErrorCode.unknown_member_id
    assert commit(h) is ErrorCode.unknown_member_id
    assert commit(h, "a", epoch) is ErrorCode.none
    h.leave("a")
    assert commit(h) is ErrorCode.none


def test_an_earlier_epoch_may_commit_what_the_member_has_had_since_then(h: ConsumerHarness) -> None:
    """KIP-1251: a commit and a new epoch may cross each other on their way."""
    h.settle("a")
    early = h.clients["a"].epoch
    h.settle("a", "b")
    owner, other = ("a", "b") if (h.topics["logs"].id, 0) in h.clients["a"].owned else ("b", "a")
    late = h.clients[owner].epoch
    assert commit(h, owner, late) is ErrorCode.none
    assert commit(h, other, early) is ErrorCode.stale_member_epoch
    assert commit(h, "a", early) is (ErrorCode.none if owner == "a" else ErrorCode.stale_member_epoch)
    h.crash_and_replay()
    assert commit(h, owner, early - 1) is ErrorCode.stale_member_epoch


def test_a_producer_is_told_in_words_it_knows(h: ConsumerHarness) -> None:
    h.settle("a")
    producer = ProducerIdentity(1, 0)
    assert commit(h, "a", 99, producer) is ErrorCode.illegal_generation
    assert commit(h, "", -1, producer) is ErrorCode.none


def test_only_an_empty_group_is_deleted(h: ConsumerHarness) -> None:
    h.client("a", topics=None, regex="logs.*")
    h.settle("a")
    commit(h, "a", h.clients["a"].epoch)
    assert delete(h) is ErrorCode.non_empty_group
    h.leave("a")
    assert delete(h) is ErrorCode.none
    assert h.core.table.ids() == set()
    assert h.core.table.listed(GROUP) is None
    assert set(h.journal.values()) == {None}
    assert delete(h) is ErrorCode.group_id_not_found


def test_offsets_of_a_topic_that_is_subscribed_are_not_deleted(h: ConsumerHarness) -> None:
    h.settle("a")
    commit(h, "a", h.clients["a"].epoch)
    reply = answer(h, h.core.offsets.delete(Delete(group_id=GROUP, partitions=[("logs", 0)]), "waiter", h.now_ms))
    assert isinstance(reply, DeleteReply)
    assert reply.codes == {("logs", 0): ErrorCode.group_subscribed_to_topic}
