"""The coordinator on a real log: bounded, replayed, honest when the disk is not there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from kio.schema.errors import ErrorCode

from logpost_broker.broker import EMBEDDED
from logpost_broker.groups.journal import CONSUMER_OFFSETS
from logpost_broker.groups.messages import Commit, OffsetToCommit
from logpost_broker.groups.service import GroupService
from logpost_broker.journal import SNAPSHOT_BYTES
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.node import Node

TOPICS = 3
COMMITS = 600


@asynccontextmanager
async def running(directory: Path, snapshot_bytes: int = SNAPSHOT_BYTES) -> AsyncIterator[tuple[Node, GroupService]]:
    node = Node(EMBEDDED, directory, host="localhost", port=0)
    service = GroupService(node, snapshot_bytes)
    node.add_service(service)
    await node.start()
    yield node, service
    await node.stop()


def commit(offset: int, topic: str = "logs", group_id: str = "g") -> Commit:
    offsets = (OffsetToCommit(topic=topic, partition=0, offset=offset, leader_epoch=-1, metadata=""),)
    return Commit(group_id=group_id, member_id="", instance_id=None, generation=-1, offsets=offsets)


def log_of(node: Node) -> PartitionLog:
    topic = node.topics.by_name(CONSUMER_OFFSETS)
    assert topic is not None
    return node.log(topic, 0)


def offsets(service: GroupService, group_id: str = "g") -> dict[str, int]:
    return {topic: event.offset for (topic, _), event in service.committed(group_id).items()}


async def commit_for_long(directory: Path) -> None:
    async with running(directory, snapshot_bytes=20_000) as (node, service):
        for number in range(TOPICS):
            node.create_topic(f"topic-{number}", 1)
        starts, lengths = set(), set()
        for number in range(COMMITS):
            await service.commit(commit(number, f"topic-{number % TOPICS}"))
            await service.settled()
            log = log_of(node)
            starts.add(log.log_start_offset)
            lengths.add(log.next_offset - log.log_start_offset)
        assert len(starts) > 3, "the state was written again, more than once"
        assert max(lengths) < COMMITS / 2, "what has to be replayed stays bounded"
        before = offsets(service)
    async with running(directory) as (_, service):
        assert offsets(service) == before == {f"topic-{number}": COMMITS - TOPICS + number for number in range(TOPICS)}


def test_the_journal_is_bounded(tmp_path: Path) -> None:
    asyncio.run(commit_for_long(tmp_path))


async def meet_strange_records(directory: Path) -> None:
    async with running(directory) as (node, service):
        node.create_topic("logs", 1)
        await service.commit(commit(1))
        await node.open_internal_log(CONSUMER_OFFSETS).append([(b"\0\x09\0\1g", b"\0\0"), (b"\0\1\0", b"x")])
        await service.commit(commit(2))
    async with running(directory) as (_, service):
        assert offsets(service) == {"logs": 2}


def test_a_record_that_cannot_be_read_is_reported_and_costs_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    asyncio.run(meet_strange_records(tmp_path))
    assert "offset 1 is left out: a record of type 9 is not known" in caplog.text
    assert "offset 2 is left out" in caplog.text


async def lose_the_disk(directory: Path) -> None:
    async with running(directory) as (node, service):
        node.create_topic("logs", 1)
        assert (await service.commit(commit(1))).code is ErrorCode.none
        log_of(node).go_offline("somebody pulled it out")
        assert (await service.commit(commit(2))).code is ErrorCode.coordinator_not_available
        assert offsets(service) == {"logs": 1}


def test_what_cannot_be_journaled_is_refused_and_does_not_happen(tmp_path: Path) -> None:
    asyncio.run(lose_the_disk(tmp_path))


async def crash_between_topic_and_offsets(directory: Path) -> None:
    async with running(directory) as (node, service):
        node.create_topic("kept", 1)
        await service.commit(commit(1, "kept"))
        await service.commit(commit(1, "deleted"))
    async with running(directory) as (_, service):
        assert offsets(service) == {"kept": 1}
        await service.settled()
    async with running(directory) as (node, service):
        node.create_topic("deleted", 1)
        assert offsets(service) == {"kept": 1}


def test_offsets_of_a_topic_that_was_deleted_before_a_crash_are_forgotten(tmp_path: Path) -> None:
    asyncio.run(crash_between_topic_and_offsets(tmp_path))


async def answer_in_order(directory: Path) -> None:
    async with running(directory) as (node, service):
        node.create_topic("logs", 1)
        answers = [service.commit(commit(offset)) for offset in range(50)]
        assert not answers[0].done(), "not before it is on the disk"
        log = log_of(node)
        await answers[0]
        assert log.high_watermark > 0
        assert {reply.code for reply in await asyncio.gather(*answers)} == {ErrorCode.none}
        assert log.high_watermark == 50


def test_a_commit_is_answered_when_it_is_on_the_disk(tmp_path: Path) -> None:
    asyncio.run(answer_in_order(tmp_path))
