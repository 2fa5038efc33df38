"""A journaled state takes the place of an older one when it is on the disk, whatever `broker.flush` says: a power cut
costs the last commits, not all of them."""

from __future__ import annotations

import asyncio
import random

from logpost_broker.groups.journal import CONSUMER_OFFSETS
from logpost_broker.groups.offsets.messages import Commit, OffsetToCommit
from logpost_broker.groups.service import GroupService
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.partitions.partitions import Partitions
from tests.faults.disk import Disk
from tests.faults.life import CHECKPOINT_S, Machines

PARTITIONS = 20
SNAPSHOT_BYTES = 10_000
WRECKS = 20


def everywhere(offset: int) -> Commit:
    offsets = tuple(
        OffsetToCommit(topic="t", partition=number, offset=offset, leader_epoch=-1, metadata="")
        for number in range(PARTITIONS)
    )
    return Commit(group_id="g", member_id="", instance_id=None, generation=-1, offsets=offsets)


def log_of(partitions: Partitions) -> PartitionLog:
    topic = partitions.topics.by_name(CONSUMER_OFFSETS)
    assert topic is not None
    return partitions.log(topic, 0)


async def commit_until_the_old_state_is_gone(partitions: Partitions) -> None:
    partitions.flusher.start()
    service = GroupService(partitions, SNAPSHOT_BYTES)
    service.start()
    partitions.create_topic("t", PARTITIONS)
    partitions.create_topic(CONSUMER_OFFSETS, 1, {"segment.bytes": "2000"}, internal=True)
    await service.commit(everywhere(0))
    await asyncio.sleep(CHECKPOINT_S)
    offset = 0
    while log_of(partitions).log_start_offset == 0:
        offset += 1
        await service.commit(everywhere(offset))
        await asyncio.sleep(0.001)
    assert offset > 1


async def committed(partitions: Partitions) -> int:
    service = GroupService(partitions, SNAPSHOT_BYTES)
    service.start()
    service.stop()
    return len(service.core.offsets.committed("g"))


def test_a_power_cut_behind_a_state_that_was_journaled_again_leaves_that_state(machines: Machines) -> None:
    loop, disk, rng = machines.loop, Disk(seed=1), random.Random(1)
    root = machines.calls.mount(disk)
    loop.run_until_complete(commit_until_the_old_state_is_gone(machines.boot(root)))
    loop.drop_jobs()
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    machines.calls.unmount(root)
    for _ in range(WRECKS):
        left = machines.calls.mount(disk.after_power_cut(rng))
        assert loop.run_until_complete(committed(machines.boot(left))) == PARTITIONS
        machines.calls.unmount(left)
