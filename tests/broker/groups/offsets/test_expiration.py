"""Offsets that nobody needs are forgotten after their retention time (KIP-211), and then their group is."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from kio.schema.errors import ErrorCode

from logpost.config import BrokerConfig
from logpost_broker.groups.classic.states import GroupState
from logpost_broker.groups.offsets.events import OffsetCommitted, OffsetPending, TransactionEnded
from logpost_broker.log.producer_identity import ProducerIdentity
from logpost_broker.metadata.group_limits import GroupLimits
from logpost_broker.node import Node
from tests.broker.groups.harness import GROUP, GroupHarness

WEEK_MS = GroupLimits().offsets_retention_ms
COPIER = ProducerIdentity(7, 0)


@pytest.mark.parametrize("crash", [False, True])
def test_offsets_of_a_consumer_without_a_group_are_kept_for_a_week(crash: bool) -> None:
    h = GroupHarness()
    h.commit(None, 42)
    h.sleep(WEEK_MS - 1)
    h.expire_offsets()
    assert h.committed() == 42
    h.sleep(1)
    h.expire_offsets()
    if crash:
        h.crash_and_replay()
    assert h.committed() is None
    assert h.core.table.ids() == set()


def test_the_week_begins_when_the_last_member_has_gone() -> None:
    h = GroupHarness()
    h.stable("a")
    h.commit("a", 42)
    for _ in range(3):  # a group that is slow is not a group that is dead
        h.now_ms += WEEK_MS // 2
        assert h.heartbeat("a") is ErrorCode.none
    h.leave_as("a")
    h.expire_offsets()
    h.crash_and_replay()
    h.sleep(WEEK_MS - 1)
    h.expire_offsets()
    assert h.committed() == 42
    h.sleep(1)
    h.expire_offsets()
    assert (h.committed(), h.state) == (None, GroupState.DEAD)


def test_a_topic_that_no_member_reads_any_more_is_forgotten() -> None:
    h = GroupHarness()
    h.commit(None, 1, topic="elsewhere")
    h.commit(None, 2, topic="logs")
    h.stable("a")  # reads "logs"
    h.now_ms += WEEK_MS
    h.heartbeat("a")
    h.expire_offsets()
    assert (h.committed("elsewhere"), h.committed("logs"), h.state) == (None, 2, GroupState.STABLE)


def test_nothing_is_forgotten_while_a_group_rebalances() -> None:
    h = GroupHarness()
    h.commit(None, 1, topic="elsewhere")
    h.join("a")
    h.now_ms += WEEK_MS
    h.expire_offsets()
    assert h.committed("elsewhere") == 1


@pytest.mark.parametrize("commit", [False, True])
def test_a_transaction_that_is_not_decided_keeps_what_it_will_replace(commit: bool) -> None:
    h = GroupHarness()
    h.commit(None, 1)
    h.now_ms += WEEK_MS
    offset = OffsetCommitted(
        group_id=GROUP, topic="logs", partition=0, offset=2, leader_epoch=-1, metadata="", commit_timestamp_ms=h.now_ms
    )
    h.core.apply(OffsetPending(producer=COPIER, offset=offset))
    h.expire_offsets()
    assert h.committed() == 1
    h.core.apply(TransactionEnded(producer=COPIER, coordinator_epoch=0, commit=commit))
    h.expire_offsets()
    assert h.committed() == (2 if commit else None)


def test_a_group_without_members_and_offsets_is_forgotten() -> None:
    h = GroupHarness()
    h.stable("a")
    h.leave_as("a")
    h.expire_offsets()
    assert h.state is GroupState.DEAD


def test_a_member_that_was_given_its_id_finds_its_group() -> None:
    h = GroupHarness()
    h.stable("a")
    h.leave_as("a")
    h.join("b", asks_for_id=True)
    h.expire_offsets()
    assert h.state is GroupState.EMPTY


async def run_until_forgotten(directory: Path) -> None:
    """A broker that was away for a while: it keeps the offset until its first look."""
    config = BrokerConfig(offsets_retention_minutes=1, offsets_retention_check_seconds=0.01)
    node = Node(config, directory, host="localhost", port=9092)
    node.open()
    h = GroupHarness()
    h.now_ms = node.partitions.now_ms() - 60_000
    h.commit(None, 1)
    node.partitions.create_topic("logs", 1)
    journal = node.partitions.open_internal_log("__consumer_offsets")
    journal.append(h.journal)
    await node.start()
    assert node.groups.core.offsets.committed(GROUP)
    while node.groups.core.offsets.committed(GROUP):  # noqa: ASYNC110  # it tells nobody
        await asyncio.sleep(0)
    assert journal.next_offset == 3  # the offset, its tombstone, the group's
    await node.stop()


def test_a_running_broker_looks_for_them(tmp_path: Path) -> None:
    asyncio.run(asyncio.wait_for(run_until_forgotten(tmp_path), 60))
