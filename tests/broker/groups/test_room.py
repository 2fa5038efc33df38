"""What members say of themselves has limits: of a member, of a group, of all together; who is there goes on."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from kio.schema.errors import ErrorCode

from logpost_broker.coordinator.outcome import Outcome, Reply, Waiter
from logpost_broker.coordinator.sizes import MAX_GROUP_BYTES, MAX_MEMBER_BYTES, SMALL_MEMBER_BYTES, said_bytes
from logpost_broker.groups.classic.messages import Join
from logpost_broker.groups.consumer.messages import MemberHeartbeat
from logpost_broker.groups.coordinator import GroupCoordinator
from logpost_broker.groups.offsets.messages import Commit, CommitReply, OffsetToCommit
from logpost_broker.groups.share.messages import ShareHeartbeat
from logpost_broker.groups.streams.messages import StreamsHeartbeat
from logpost_broker.groups.streams.topology import Subtopology, Topology
from logpost_broker.metadata.group_limits import GroupLimits
from tests.broker.groups.core import coordinator
from tests.broker.groups.harness import SESSION_MS, GroupHarness, joined, subscription, synced

NONE, FULL = ErrorCode.none, ErrorCode.group_max_size_reached
Ask = Callable[[GroupCoordinator, str, int], ErrorCode]


def answered(core: GroupCoordinator, call: Callable[[Waiter, int], Outcome]) -> ErrorCode | None:
    """What a request is answered at once, its events applied; None where it has to wait."""
    waiter = object()
    outcome = call(waiter, 1_000_000)
    for event in outcome.events:
        core.apply(event)
    replies: dict[int, Reply] = {id(who): reply for who, reply in outcome.replies}
    reply = replies.get(id(waiter))
    return None if reply is None else reply.code


def consumer(core: GroupCoordinator, member: str, size: int) -> ErrorCode:
    request = MemberHeartbeat(
        group_id="g",
        member_id=member,
        member_epoch=0,
        instance_id=None,
        rack_id=None,
        client_id="",
        client_host="",
        rebalance_timeout_ms=1_000,
        topic_names=names(size),
        topic_regex=None,
        server_assignor=None,
        owned=frozenset(),
    )
    return answered(core, lambda *at: core.consumer_heartbeat(request, *at)) or NONE


def share(core: GroupCoordinator, member: str, size: int) -> ErrorCode:
    request = ShareHeartbeat(
        group_id="g",
        member_id=member,
        member_epoch=0,
        rack_id=None,
        client_id="",
        client_host="",
        topic_names=names(size),
    )
    return answered(core, lambda *at: core.share_heartbeat(request, *at)) or NONE


def streams(core: GroupCoordinator, member: str, size: int) -> ErrorCode:
    topology = Topology(epoch=1, subtopologies=(Subtopology(id="0", source_topics=("logs",)),))
    request = StreamsHeartbeat(
        group_id="g",
        member_id=member,
        member_epoch=0,
        rebalance_timeout_ms=1_000,
        process_id="p",
        topology=topology,
        active=frozenset(),
        standby=frozenset(),
        warmup=frozenset(),
        client_tags=tuple((name, "") for name in names(size * 108 // 124)),
    )
    return answered(core, lambda *at: core.streams_heartbeat(request, *at)) or NONE


def classic(core: GroupCoordinator, member: str, size: int) -> ErrorCode:
    request = Join(
        group_id="g",
        member_id="",
        new_member_id=member,
        instance_id=None,
        client_id="",
        client_host="",
        session_timeout_ms=SESSION_MS,
        rebalance_timeout_ms=60_000,
        protocol_type="consumer",
        protocols=(("range", bytes(size)),),
        requires_known_member_id=False,
        supports_skip_assignment=False,
    )
    return answered(core, lambda *at: core.join(request, *at)) or NONE


def names(size: int) -> tuple[str, ...]:
    return tuple(f"{number:0100}" for number in range(size // 108 + 1))


KINDS: dict[str, Ask] = {"classic": classic, "consumer": consumer, "share": share, "streams": streams}


@pytest.fixture(params=KINDS)
def ask(request: pytest.FixtureRequest) -> Iterator[Ask]:
    yield KINDS[request.param]


def test_a_member_says_so_much_of_itself(ask: Ask) -> None:
    core = coordinator()
    assert ask(core, "a", MAX_MEMBER_BYTES) is FULL
    assert ask(core, "a", 100) is NONE, "what was refused left nothing behind"
    assert ask(core, "b", MAX_MEMBER_BYTES - 2_000) is NONE


def test_the_members_of_a_group_say_so_much_together(ask: Ask) -> None:
    core = coordinator()
    large = MAX_MEMBER_BYTES - 2_000
    taken = sum(ask(core, f"m{number}", large) is NONE for number in range(20))
    assert taken == MAX_GROUP_BYTES // MAX_MEMBER_BYTES
    assert ask(core, "small", SMALL_MEMBER_BYTES // 2) is NONE


def test_a_leader_assigns_so_much() -> None:
    h = GroupHarness()
    joined(h.join("a"))
    assert synced(h.sync("a", {"a": bytes(MAX_GROUP_BYTES)})).code is ErrorCode.unknown_server_error
    assert synced(h.sync("a", {"a": b"share"})).assignment == b"share"


def test_a_member_that_comes_back_does_not_count_twice() -> None:
    h = GroupHarness()
    large = (("range", subscription("logs", owned=bytes(MAX_MEMBER_BYTES // 2))),)
    for _ in range(2 * MAX_GROUP_BYTES // MAX_MEMBER_BYTES + 5):
        assert joined(h.join("a", protocols=large)).code is NONE
        large = ((large[0][0], large[0][1][:-1] + b"."),)
    assert h.core.classic.said_bytes < MAX_MEMBER_BYTES
    h.leave_as("a")
    assert h.core.classic.said_bytes < 100


def test_members_of_many_groups_say_so_much_together_before_anything_is_journaled() -> None:
    h = GroupHarness(GroupLimits(max_bytes=100_000))
    codes = [
        joined(h.join(f"m{n}", group_id=f"group-{n}", protocols=(("range", bytes(9_000)),))).code for n in range(20)
    ]
    assert [code for code, _ in itertools.groupby(codes)] == [NONE, FULL]
    assert 10 <= codes.count(NONE) <= 12
    assert joined(h.join("m0", group_id="group-0", protocols=(("range", bytes(9_000)),))).code is NONE, "it is there"
    h.sleep(SESSION_MS)
    assert h.core.classic.said_bytes < 2_000
    assert joined(h.join("late", group_id="group-late")).code is NONE


def test_while_the_journal_is_full_only_who_is_there_goes_on(ask: Ask) -> None:
    is_full = False
    core = coordinator(is_full=lambda: is_full)
    assert ask(core, "a", 100) is NONE
    is_full = True
    assert ask(core, "b", 100) is FULL
    if ask is not classic:  # whose members have ids from the broker
        assert ask(core, "a", 100) is NONE
    is_full = False
    assert ask(core, "b", 100) is NONE


def test_while_the_journal_is_full_offsets_move_and_none_is_new() -> None:
    is_full = False
    core = coordinator(is_full=lambda: is_full)

    def commit(topic: str, group_id: str = "g") -> ErrorCode:
        offset = OffsetToCommit(topic=topic, partition=0, offset=5, leader_epoch=-1, metadata="")
        request = Commit(group_id=group_id, member_id="", instance_id=None, generation=-1, offsets=(offset,))
        found: list[CommitReply] = []
        outcome = core.offsets.commit(request, found.append, 1)
        for event in outcome.events:
            core.apply(event)
        [(_, reply)] = outcome.replies
        assert isinstance(reply, CommitReply)
        return reply.codes[topic, 0]

    assert commit("logs") is NONE
    is_full = True
    assert (commit("logs"), commit("other"), commit("logs", "h")) == (
        NONE,
        ErrorCode.invalid_commit_offset_size,
        ErrorCode.invalid_commit_offset_size,
    )


def test_what_is_said_is_counted_by_its_bytes() -> None:
    said = replace(Subtopology(id="0", source_topics=("logs",)), source_topics=("a" * 1_000, "b" * 1_000))
    assert 2_000 < said_bytes(said) < 2_200
    assert said_bytes({"a" * 100: bytes(100)}) > 200
    assert said_bytes(None) == said_bytes(5) > 0
