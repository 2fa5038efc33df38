"""Offsets of transactions: invisible until the end, and of two commits of a partition the later written counts."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from kio.schema.errors import ErrorCode

from logpost_broker.coordinator.journal import SNAPSHOT_BYTES
from logpost_broker.groups.journal import CONSUMER_OFFSETS
from logpost_broker.groups.offsets.events import TransactionEnded
from logpost_broker.groups.offsets.messages import Commit, CommitReply, DeleteReply, OffsetToCommit
from logpost_broker.groups.service import GroupService
from logpost_broker.log.producer_identity import ProducerIdentity
from logpost_broker.metadata.topics import TopicChanges
from logpost_broker.partitions.partitions import Partitions
from logpost_broker.upkeep.cleaner import Cleaner
from tests.broker.groups.test_service import log_of, running
from tests.broker.log.compacting import roll

FIRST, SECOND = ProducerIdentity(7, 0), ProducerIdentity(8, 3)


class Offsets:
    """One group on a real partitions."""

    def __init__(self, partitions: Partitions, service: GroupService) -> None:
        self.partitions = partitions
        self.service = service

    async def commit(self, offset: int, producer: ProducerIdentity | None = None, topic: str = "logs") -> CommitReply:
        offsets = (OffsetToCommit(topic=topic, partition=0, offset=offset, leader_epoch=-1, metadata=""),)
        return await self.service.commit(
            Commit(group_id="g", member_id="", instance_id=None, generation=-1, offsets=offsets, producer=producer)
        )

    async def end(self, producer: ProducerIdentity, *, commit: bool) -> None:
        await self.service.end_transaction(TransactionEnded(producer=producer, coordinator_epoch=0, commit=commit))

    def committed(self, topic: str = "logs") -> int | None:
        event = self.service.core.offsets.committed("g").get((topic, 0))
        return None if event is None else event.offset

    @property
    def is_pending(self) -> bool:
        return ("logs", 0) in self.service.core.offsets.pending("g")


async def compact(partitions: Partitions) -> None:
    """All of the journal but its active segment, which is empty."""
    [journal] = [log for log in partitions.logs if log.directory.name.startswith(CONSUMER_OFFSETS)]
    roll(journal)
    partitions.logs.write_recovery_points()
    await Cleaner(partitions).check()
    assert partitions.logs.first_dirty_offset(journal) == journal.last_stable_offset, "that far it was compacted"


async def live(
    directory: Path, steps: list[tuple[object, ...]], expected: int | None, *, pending: bool, compacted: bool
) -> None:
    """Take the steps, and look before and after a restart."""
    async with running(directory) as (partitions, service):
        partitions.create_topic("logs", 1)
        partitions.open_internal_log(CONSUMER_OFFSETS)
        journal = partitions.topics.by_name(CONSUMER_OFFSETS)
        assert journal is not None
        configs = {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.0"}
        await partitions.change_topics([journal], lambda changes, topic: changes.configure(topic, configs))
        offsets = Offsets(partitions, service)
        for step in steps:
            if isinstance(step[0], int):
                reply = await offsets.commit(*step)  # type: ignore[arg-type]  # (offset, producer)
                assert reply.codes == {("logs", 0): ErrorCode.none}
            else:
                await offsets.end(step[1], commit=step[0] == "commit")  # type: ignore[arg-type]  # (end, producer)
        if compacted:
            await compact(partitions)
        assert (offsets.committed(), offsets.is_pending) == (expected, pending)
    async with running(directory) as (partitions, service):
        offsets = Offsets(partitions, service)
        assert (offsets.committed(), offsets.is_pending) == (expected, pending)
        if pending:  # it can still be decided
            for producer in (FIRST, SECOND):
                await offsets.end(producer, commit=False)
            assert (offsets.committed(), offsets.is_pending) == (expected, False)


@pytest.mark.parametrize(
    ("steps", "expected", "pending"),
    [
        ([(1, FIRST)], None, True),
        ([(1, None), (2, FIRST)], 1, True),
        ([(1, FIRST), ("commit", FIRST)], 1, False),
        ([(1, FIRST), ("abort", FIRST)], None, False),
        ([(1, FIRST), (2, FIRST), ("commit", FIRST)], 2, False),
        ([(1, FIRST), ("commit", FIRST), (2, FIRST)], 1, True),
        ([(1, FIRST), ("commit", FIRST), (2, FIRST), ("abort", FIRST)], 1, False),
        ([(1, FIRST), (2, SECOND), ("commit", FIRST)], 1, True),
        ([(1, FIRST), (2, SECOND), ("commit", FIRST), ("commit", SECOND)], 2, False),
        ([(1, FIRST), (2, SECOND), ("commit", SECOND), ("commit", FIRST)], 2, False),
        ([(1, FIRST), (2, SECOND), ("abort", SECOND), ("commit", FIRST)], 1, False),
        ([(1, FIRST), (2, None), ("commit", FIRST)], 2, False),
        ([(1, FIRST), (2, None), (3, FIRST), ("commit", FIRST)], 3, False),
        ([("commit", FIRST)], None, False),
    ],
)
@pytest.mark.parametrize("compacted", [False, True])
def test_pending_offsets_count_when_their_transaction_is_committed(
    tmp_path: Path, steps: list[tuple[object, ...]], expected: int | None, pending: bool, compacted: bool
) -> None:
    asyncio.run(live(tmp_path, steps, expected, pending=pending, compacted=compacted))


async def snapshot(directory: Path) -> None:
    async with running(directory, snapshot_bytes=2_000) as (partitions, service):
        partitions.create_topic("logs", 1)
        partitions.create_topic("other", 1)
        offsets = Offsets(partitions, service)
        await offsets.commit(1)
        await offsets.commit(2, FIRST)
        await offsets.commit(3, SECOND)
        for number in range(100):
            await offsets.commit(number, topic="other")
        assert log_of(partitions).log_start_offset > 3, "the state was written again"
    async with running(directory, SNAPSHOT_BYTES) as (partitions, service):
        offsets = Offsets(partitions, service)
        assert (offsets.committed(), offsets.committed("other"), offsets.is_pending) == (1, 99, True)
        await offsets.end(SECOND, commit=True)
        await offsets.end(FIRST, commit=True)
        assert (offsets.committed(), offsets.is_pending) == (3, False)


def test_pending_offsets_stay_when_the_state_is_written_again(tmp_path: Path) -> None:
    asyncio.run(snapshot(tmp_path))


async def forget(directory: Path, *, topic: bool) -> None:
    async with running(directory) as (partitions, service):
        created = partitions.create_topic("logs", 1)
        offsets = Offsets(partitions, service)
        await offsets.commit(1)
        await offsets.commit(2, FIRST)
        if topic:
            await partitions.change_topics([created], TopicChanges.delete)
        else:
            assert (await service.ask(service.core.delete_group, "g", DeleteReply)).code is ErrorCode.none
        await offsets.end(FIRST, commit=True)
        assert offsets.committed() is None
    async with running(directory) as (_, service):
        assert service.core.offsets.committed("g") == {}


@pytest.mark.parametrize("topic", [True, False])
def test_pending_offsets_go_with_their_topic_and_their_group(tmp_path: Path, topic: bool) -> None:
    asyncio.run(forget(tmp_path, topic=topic))
