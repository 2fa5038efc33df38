"""A large state is journaled again in steps: others have their turn, and what changes meanwhile is never set back."""

from __future__ import annotations

import asyncio
import random
import shutil
import time
from pathlib import Path

import pytest
from kio.schema.errors import ErrorCode

from logpost_broker.coordinator.journal import EVENTS_PER_WRITE
from logpost_broker.groups.offsets.events import TransactionEnded
from logpost_broker.groups.offsets.messages import Commit, Delete, DeleteReply, OffsetToCommit
from logpost_broker.groups.service import GroupService
from logpost_broker.log.producer_identity import ProducerIdentity
from logpost_broker.partitions.partitions import Partitions
from tests.broker.groups.core import coordinator
from tests.broker.groups.test_room import KINDS
from tests.broker.groups.test_service import full_disk, log_of, running

PARTITIONS = 20 * EVENTS_PER_WRITE
PRODUCER = ProducerIdentity(7, 0)


def many(offset: int, partitions: range, producer: ProducerIdentity | None = None) -> Commit:
    offsets = tuple(
        OffsetToCommit(topic="logs", partition=number, offset=offset, leader_epoch=-1, metadata="")
        for number in partitions
    )
    return Commit(group_id="g", member_id="", instance_id=None, generation=-1, offsets=offsets, producer=producer)


def committed(service: GroupService) -> dict[int, int]:
    return {partition: event.offset for (_, partition), event in service.core.offsets.committed("g").items()}


def rewriting(partitions: Partitions, service: GroupService) -> int:
    """Commit until the state is being written again, in one turn of the loop; returns where that began."""
    partitions.create_topic("logs", PARTITIONS)
    for offset in range(3):
        service.commit(many(offset, range(PARTITIONS)))
    assert service._journal._rewriting is not None
    return service._journal._rewriting.start


async def dropped(partitions: Partitions, start: int) -> None:
    """What lies before is gone: awaits the disk."""
    while log_of(partitions).log_start_offset < start:
        await asyncio.to_thread(time.sleep, 0.001)


async def change_meanwhile(directory: Path) -> None:
    rng = random.Random(5)
    async with running(directory, snapshot_bytes=600_000) as (partitions, service):
        start = rewriting(partitions, service)
        turns = 0
        while service._journal._rewriting is not None:
            service.commit(many(10 + turns, range(rng.randrange(PARTITIONS), PARTITIONS)[:3]))
            service.ask(
                service.core.offsets.delete,
                Delete(group_id="g", partitions=[("logs", rng.randrange(PARTITIONS))]),
                DeleteReply,
            )
            await asyncio.sleep(0)
            turns += 1
        assert turns > 5, "others have their turn"
        await dropped(partitions, start)
        before = committed(service)
        assert len(before) < PARTITIONS
        assert max(before.values()) >= 10
    async with running(directory) as (_, service):
        assert committed(service) == before


def test_what_changes_while_the_state_is_written_again_is_what_a_start_finds(tmp_path: Path) -> None:
    asyncio.run(asyncio.wait_for(change_meanwhile(tmp_path), 60))


async def crash_in_between(directory: Path, copy: Path) -> None:
    async with running(directory, snapshot_bytes=600_000) as (partitions, service):
        rewriting(partitions, service)
        await asyncio.sleep(0)
        service.commit(many(77, range(PARTITIONS)[-3:]))
        assert service._journal._rewriting is not None
        before = committed(service)
        shutil.copytree(directory, copy)
    async with running(copy) as (_, service):
        assert committed(service) == before


def test_a_crash_while_the_state_is_written_again_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    asyncio.run(asyncio.wait_for(crash_in_between(tmp_path / "a", tmp_path / "b"), 60))


async def refuse_in_between(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be journaled did not happen, and what was there before is not left out for it."""
    async with running(directory, snapshot_bytes=600_000) as (partitions, service):
        start = rewriting(partitions, service)
        with full_disk(partitions, monkeypatch):
            reply = await service.commit(many(88, range(PARTITIONS)[-3:]))
            assert reply.code is ErrorCode.coordinator_not_available
        await dropped(partitions, start)
        before = committed(service)
        assert len(before) == PARTITIONS
    async with running(directory) as (_, service):
        assert committed(service) == before


def test_what_is_refused_meanwhile_takes_nothing_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(asyncio.wait_for(refuse_in_between(tmp_path, monkeypatch), 60))


@pytest.mark.parametrize("is_pending_before", [True, False])
def test_offsets_in_transactions_keep_their_places(tmp_path: Path, is_pending_before: bool) -> None:
    """Their order counts, so that the state is written at once where there are some."""

    async def story() -> None:
        async with running(tmp_path, snapshot_bytes=600_000) as (partitions, service):
            if is_pending_before:
                partitions.create_topic("logs", PARTITIONS)
                await service.commit(many(500, range(5), PRODUCER))
                for offset in range(3):
                    await service.commit(many(offset, range(5, PARTITIONS)))
            else:
                rewriting(partitions, service)
                await service.commit(many(500, range(5), PRODUCER))
            assert service._journal._rewriting is None
            await service.end_transaction(TransactionEnded(producer=PRODUCER, coordinator_epoch=0, commit=True))
            before = committed(service)
            assert [before[number] for number in range(5)] == [500] * 5
        async with running(tmp_path) as (_, service):
            assert committed(service) == before

    asyncio.run(asyncio.wait_for(story(), 60))


def test_the_state_of_all_kinds_of_groups_can_be_replayed_in_any_order() -> None:
    for kind, join in KINDS.items():
        core = coordinator()
        for number in range(5):
            assert join(core, f"{kind}-{number}", 500) in (ErrorCode.none, None)
        state = core.snapshot()
        assert state or kind == "classic"
        for seed in range(10):
            again = coordinator()
            for event in random.Random(seed).sample(state, len(state)):
                again.apply(event)
            assert sorted(map(str, again.snapshot())) == sorted(map(str, state))
