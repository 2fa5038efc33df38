"""A broker that was killed: the group is what the journal says, and its members go on."""

from kio.schema.errors import ErrorCode

from logpost_broker.groups.classic.states import GroupState
from tests.broker.groups.harness import SESSION_MS, GroupHarness, joined, synced, written


def test_a_stable_group_goes_on_without_a_rebalance() -> None:
    h = GroupHarness()
    h.stable("a", "b")
    h.commit("a", 42)
    before = h.group
    h.crash_and_replay()
    assert h.group == before
    assert h.heartbeat("a") is h.heartbeat("b") is ErrorCode.none
    assert synced(h.sync("b")).assignment == b"share of b"
    assert h.commit("b", 43) is ErrorCode.none
    assert h.committed() == 43


def test_members_have_a_whole_session_after_the_restart() -> None:
    h = GroupHarness()
    h.stable("a")
    h.sleep(SESSION_MS - 1)
    h.crash_and_replay()
    h.sleep(SESSION_MS - 1)
    assert h.heartbeat("a") is ErrorCode.none
    h.sleep(SESSION_MS)
    assert h.state is GroupState.EMPTY


def test_a_static_member_takes_its_place_back_after_both_were_killed() -> None:
    h = GroupHarness()
    h.stable("a", static=True)
    h.crash_and_replay()
    assert joined(h.restart("a")).generation == 1
    h.crash_and_replay()
    assert synced(h.sync("a", static=True)).assignment == b"share of a"


def test_a_rebalance_under_way_is_forgotten_and_begun_again() -> None:
    h = GroupHarness()
    h.stable("a")
    h.join("b")
    h.crash_and_replay()
    assert h.state is GroupState.STABLE
    assert h.heartbeat("a") is ErrorCode.none
    h.join("b", member_id="")
    assert h.heartbeat("a") is ErrorCode.rebalance_in_progress


def test_a_generation_that_was_never_assigned_is_fenced() -> None:
    h = GroupHarness()
    h.stable("a")
    h.join("b")
    h.join("a")
    h.crash_and_replay()
    assert synced(h.sync("a", {"a": b"x"})).code is ErrorCode.illegal_generation
    assert synced(h.sync("b")).code is ErrorCode.unknown_member_id


def test_an_empty_group_keeps_its_generation() -> None:
    h = GroupHarness()
    h.stable("a")
    h.leave_as("a")
    h.crash_and_replay()
    assert h.state is GroupState.EMPTY
    assert joined(h.join("b")).generation == 3


def test_a_snapshot_gives_the_same_state_alone_and_behind_any_part_of_the_journal() -> None:
    h = GroupHarness()
    h.stable("a", "b")
    h.commit("a", 1)
    h.join("c")  # under way, and no part of the snapshot
    h.commit("a", 2, topic="other")
    h.forget_topic("other")
    journal, snapshot = h.journal, [written(event) for event in h.core.snapshot()]
    replayed = []
    for part in ([], journal[1:], journal):
        h.journal = [*part, *snapshot]
        h.crash_and_replay()
        replayed.append((h.group, h.committed("logs"), h.committed("other")))
    assert replayed[0] == replayed[1] == replayed[2]
    assert replayed[0][1:] == (1, None)
    assert h.assignment("b") == b"share of b"
