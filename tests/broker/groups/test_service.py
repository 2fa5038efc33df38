"""The coordinator on a real log: bounded, replayed, honest when the disk is not there."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Hashable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from kio.schema.errors import ErrorCode

import logpost_broker.groups.service
from logpost_broker.broker import EMBEDDED
from logpost_broker.coordinator.journal import SNAPSHOT_BYTES
from logpost_broker.coordinator.outcome import Outcome
from logpost_broker.errors import ApiError
from logpost_broker.groups.consumer.messages import MemberHeartbeat, MemberHeartbeatReply
from logpost_broker.groups.journal import CONSUMER_OFFSETS
from logpost_broker.groups.offsets.messages import Commit, OffsetToCommit
from logpost_broker.groups.service import GroupService
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.metadata.group_limits import ConsumerGroupLimits
from logpost_broker.metadata.topics import TopicChanges
from logpost_broker.partitions.partitions import Partitions

TOPICS = 3
COMMITS = 600


@asynccontextmanager
async def running(
    directory: Path, snapshot_bytes: int = SNAPSHOT_BYTES
) -> AsyncIterator[tuple[Partitions, GroupService]]:
    partitions = Partitions(EMBEDDED, directory)
    partitions.open()
    partitions.flusher.start()
    groups = GroupService(partitions, snapshot_bytes)
    groups.start()
    yield partitions, groups
    groups.stop()
    await partitions.close()


def commit(offset: int, topic: str = "logs", group_id: str = "g") -> Commit:
    offsets = (OffsetToCommit(topic=topic, partition=0, offset=offset, leader_epoch=-1, metadata=""),)
    return Commit(group_id=group_id, member_id="", instance_id=None, generation=-1, offsets=offsets)


def log_of(partitions: Partitions) -> PartitionLog:
    topic = partitions.topics.by_name(CONSUMER_OFFSETS)
    assert topic is not None
    return partitions.log(topic, 0)


def offsets(service: GroupService, group_id: str = "g") -> dict[str, int]:
    return {topic: event.offset for (topic, _), event in service.core.offsets.committed(group_id).items()}


async def commit_for_long(directory: Path) -> None:
    async with running(directory, snapshot_bytes=5_000) as (partitions, service):
        partitions.create_topic(CONSUMER_OFFSETS, 1, {"segment.bytes": "2000"}, internal=True)
        for number in range(TOPICS):
            partitions.create_topic(f"topic-{number}", 1)
        starts = [0]
        for number in range(COMMITS):
            await service.commit(commit(number, f"topic-{number % TOPICS}"))
            await service.settled()
            if (start := log_of(partitions).log_start_offset) != starts[-1]:
                starts.append(start)
        lengths = [after - before for before, after in itertools.pairwise(starts)]
        assert len(lengths) > 5, "the state was written again, more than once"
        assert max(lengths) < 2 * min(lengths), "what has to be replayed stays bounded"
        before = offsets(service)
    async with running(directory) as (_, service):
        assert offsets(service) == before == {f"topic-{number}": COMMITS - TOPICS + number for number in range(TOPICS)}


def test_the_journal_is_bounded(tmp_path: Path) -> None:
    asyncio.run(commit_for_long(tmp_path))


async def meet_strange_records(directory: Path) -> None:
    async with running(directory) as (partitions, service):
        partitions.create_topic("logs", 1)
        await service.commit(commit(1))
        await partitions.open_internal_log(CONSUMER_OFFSETS).append([(b"\0\x09\0\1g", b"\0\0"), (b"\0\1\0", b"x")])
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
    async with running(directory) as (partitions, service):
        partitions.create_topic("logs", 1)
        assert (await service.commit(commit(1))).code is ErrorCode.none
        log_of(partitions).go_offline("somebody pulled it out")
        assert (await service.commit(commit(2))).code is ErrorCode.coordinator_not_available
        assert offsets(service) == {"logs": 1}


def test_what_cannot_be_journaled_is_refused_and_does_not_happen(tmp_path: Path) -> None:
    asyncio.run(lose_the_disk(tmp_path))


async def crash_between_topic_and_offsets(directory: Path) -> None:
    async with running(directory) as (partitions, service):
        partitions.create_topic("kept", 1)
        await service.commit(commit(1, "kept"))
        await service.commit(commit(1, "deleted"))
    async with running(directory) as (_, service):
        assert offsets(service) == {"kept": 1}
        await service.settled()
    async with running(directory) as (partitions, service):
        partitions.create_topic("deleted", 1)
        assert offsets(service) == {"kept": 1}


def test_offsets_of_a_topic_that_was_deleted_before_a_crash_are_forgotten(tmp_path: Path) -> None:
    asyncio.run(crash_between_topic_and_offsets(tmp_path))


async def answer_in_order(directory: Path) -> None:
    async with running(directory) as (partitions, service):
        partitions.create_topic("logs", 1)
        answers = [service.commit(commit(offset)) for offset in range(50)]
        assert not answers[0].done(), "not before it is on the disk"
        log = log_of(partitions)
        await answers[0]
        assert log.high_watermark > 0
        assert {reply.code for reply in await asyncio.gather(*answers)} == {ErrorCode.none}
        assert log.high_watermark == 50


def test_a_commit_is_answered_when_it_is_on_the_disk(tmp_path: Path) -> None:
    asyncio.run(answer_in_order(tmp_path))


@contextmanager
def full_disk(partitions: Partitions, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing can be journaled meanwhile."""

    def refuse(*_: object, **__: object) -> None:
        raise ApiError(ErrorCode.kafka_storage_error, "no space left on device")

    with monkeypatch.context() as full:
        full.setattr(log_of(partitions), "append", refuse)
        yield


def beat(service: GroupService, member: str, epoch: int) -> asyncio.Future[MemberHeartbeatReply]:
    joins = epoch == 0
    return service.ask(
        service.core.consumer_heartbeat,
        MemberHeartbeat(
            group_id="g",
            member_id=member,
            member_epoch=epoch,
            instance_id=None,
            rack_id=None,
            client_id="c",
            client_host="/127.0.0.1",
            rebalance_timeout_ms=30_000 if joins else None,
            topic_names=("logs",) if joins else None,
            topic_regex=None,
            server_assignor=None,
            owned=frozenset() if joins else None,
        ),
        MemberHeartbeatReply,
    )


async def lose_a_member_on_a_full_disk(directory: Path, monkeypatch: pytest.MonkeyPatch, *, leaves: bool) -> None:
    monkeypatch.setattr(logpost_broker.groups.service, "RETRY_MS", 10)
    session_ms = 60_000
    monkeypatch.setattr(
        logpost_broker.groups.service, "consumer_limits", lambda *_: ConsumerGroupLimits(session_timeout_ms=session_ms)
    )
    async with running(directory) as (partitions, service):
        partitions.create_topic("logs", 1)
        gone = await beat(service, "gone", 0)
        with full_disk(partitions, monkeypatch):
            rang, expire = asyncio.Event(), service.core.expire

            def heard(key: Hashable, now_ms: int) -> Outcome:
                rang.set()
                return expire(key, now_ms)

            monkeypatch.setattr(service.core, "expire", heard)
            session_ms = 1
            last = [beat(service, "gone", gone.member_epoch)]  # its session ends soon, and not before it leaves
            if leaves:
                last.append(beat(service, "gone", -1))
                assert (await last[1]).code is ErrorCode.coordinator_not_available
            await last[0]
            await rang.wait()
        session_ms = 60_000
        reply = await beat(service, "next", 0)
        while not reply.assigned:
            await asyncio.sleep(0.01)  # the interval of its heartbeats
            reply = await beat(service, "next", reply.member_epoch)
        assert reply.assigned == gone.assigned


@pytest.mark.parametrize("leaves", [True, False])
def test_a_member_whose_end_could_not_be_journaled_is_gone_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leaves: bool
) -> None:
    asyncio.run(asyncio.wait_for(lose_a_member_on_a_full_disk(tmp_path, monkeypatch, leaves=leaves), 60))


async def delete_a_topic_on_a_full_disk(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logpost_broker.groups.service, "RETRY_MS", 10)
    async with running(directory) as (partitions, service):
        topic = partitions.create_topic("logs", 1)
        await service.commit(commit(1))
        with full_disk(partitions, monkeypatch):
            await partitions.change_topics([topic], TopicChanges.delete)
            assert offsets(service) == {"logs": 1}
        log, grown = log_of(partitions), asyncio.Event()
        log.watchers.add(lambda _: grown.set())
        await grown.wait()
        assert offsets(service) == {}


def test_offsets_that_could_not_be_forgotten_with_their_topic_are_soon_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(asyncio.wait_for(delete_a_topic_on_a_full_disk(tmp_path, monkeypatch), 60))
