"""The coordinator on real logs: every crash between two steps of a transaction's end is made good by the next start."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError
from logpost_broker.log.producer_identity import ProducerIdentity
from logpost_broker.metadata.topics import TopicChanges
from logpost_broker.node import Node
from logpost_broker.transactions.messages import Add, End, Init
from logpost_broker.transactions.states import TransactionState
from logpost_broker.transactions.verification import Verification
from tests.broker.log.logs import values_from
from tests.broker.transactions.nodes import ID, PLACES, begin, markers, running, state, write


@pytest.fixture
def data(tmp_path: Path) -> Path:
    directory = tmp_path / "data"
    directory.mkdir()
    return directory


def offset(node: Node) -> int | None:
    event = node.groups.core.offsets.committed("g").get(("logs", 0))
    return None if event is None else event.offset


async def images_of_an_end(data: Path, *, commit: bool) -> list[Path]:
    """The data directory as a crash would leave it, at each turn of the loop from the decision to the end."""
    images: list[Path] = []
    async with running(data) as (node, service):
        node.partitions.create_topic("logs", 2)
        producer = await begin(node, service)
        end = asyncio.ensure_future(service.end(End(transactional_id=ID, producer=producer, commit=commit)))
        await asyncio.sleep(0)
        assert state(service).is_prepared
        while not end.done():
            images.append(data.parent / f"image-{len(images)}")
            shutil.copytree(data, images[-1])
            await asyncio.sleep(0)
        assert markers(node, 0) == markers(node, 1) == [commit]
    return images


async def check_image(image: Path, *, commit: bool) -> None:
    async with running(image) as (node, service):
        assert state(service) is (TransactionState.COMPLETE_COMMIT if commit else TransactionState.COMPLETE_ABORT)
        for partition in range(2):
            assert set(markers(node, partition)) == {commit}
            assert values_from(node.partitions.log(node.partitions.topics.by_name("logs"), partition), 0)[0] == b"v"  # type: ignore[arg-type]  # it is there
        assert offset(node) == (5 if commit else None)
        assert ("logs", 0) not in node.groups.core.offsets.pending("g")


@pytest.mark.parametrize("commit", [True, False])
def test_what_was_decided_before_a_crash_is_completed_after_it(data: Path, commit: bool) -> None:
    images = asyncio.run(images_of_an_end(data, commit=commit))
    assert len(images) >= 3
    for image in images[:: max(1, len(images) // 12)]:
        asyncio.run(check_image(image, commit=commit))


async def crash_before_the_decision(data: Path) -> None:
    image = data.parent / "image"
    async with running(data) as (node, service):
        node.partitions.create_topic("logs", 2)
        producer = await begin(node, service)
        await node.groups.settled()
        shutil.copytree(data, image)
    async with running(image) as (node, service):
        assert state(service) is TransactionState.ONGOING
        assert markers(node, 0) == []
        assert await service.end(End(transactional_id=ID, producer=producer, commit=True)) == producer
        assert markers(node, 0) == markers(node, 1) == [True]
        assert offset(node) == 5


def test_an_open_transaction_goes_on_after_a_crash(data: Path) -> None:
    asyncio.run(crash_before_the_decision(data))


async def delete_the_topic(directory: Path) -> None:
    async with running(directory) as (node, service):
        topic = node.partitions.create_topic("logs", 2)
        producer = await begin(node, service)
        await node.partitions.change_topics([topic], TopicChanges.delete)
        assert await service.end(End(transactional_id=ID, producer=producer, commit=True)) == producer
        assert state(service) is TransactionState.COMPLETE_COMMIT


def test_a_transaction_ends_although_its_topic_is_gone(data: Path) -> None:
    asyncio.run(delete_the_topic(data))


async def fail_to_mark(directory: Path) -> None:
    async with running(directory) as (node, service):
        topic = node.partitions.create_topic("logs", 2)
        producer = await begin(node, service)
        node.partitions.log(topic, 1).go_offline("the test says so")
        assert await service.end(End(transactional_id=ID, producer=producer, commit=True)) == producer
        assert state(service) is TransactionState.PREPARE_COMMIT
        with pytest.raises(ApiError) as refused:
            await service.add(Add(transactional_id=ID, producer=producer, partitions=PLACES))
        assert refused.value.code is ErrorCode.concurrent_transactions
    async with running(directory) as (node, service):
        assert state(service) is TransactionState.COMPLETE_COMMIT
        assert markers(node, 1) == [True]


def test_a_partition_that_cannot_be_marked_is_marked_after_the_next_start(data: Path) -> None:
    asyncio.run(fail_to_mark(data))


async def time_out(directory: Path) -> None:
    async with running(directory) as (node, service):
        topic = node.partitions.create_topic("logs", 2)
        producer = await service.init(Init(transactional_id=ID, timeout_ms=1))
        add = Add(transactional_id=ID, producer=producer, partitions=frozenset({("logs", 0)}), is_v2=True)
        service.verify(add, Verification.ADDS)
        write(node, producer, 0)
        grown = asyncio.Event()
        node.partitions.log(topic, 0).watchers.add(lambda size: grown.set())
        while not markers(node, 0):
            grown.clear()
            await grown.wait()
        assert markers(node, 0) == [False]
        with pytest.raises(ApiError) as refused:
            service.verify(add, Verification.ADDS)
        assert refused.value.code is ErrorCode.invalid_producer_epoch


def test_a_transaction_that_takes_too_long_is_aborted_by_the_scan(data: Path) -> None:
    asyncio.run(asyncio.wait_for(time_out(data), 60))


async def init_over_an_open_transaction(directory: Path) -> None:
    async with running(directory) as (node, service):
        node.partitions.create_topic("logs", 2)
        gone = await begin(node, service)
        successor = await service.init(Init(transactional_id=ID, timeout_ms=60_000))
        assert successor == ProducerIdentity(gone.producer_id, gone.epoch + 2)
        assert markers(node, 0) == markers(node, 1) == [False]
        assert offset(node) is None


def test_a_new_producer_waits_for_the_abort_of_the_one_before(data: Path) -> None:
    asyncio.run(init_over_an_open_transaction(data))


async def lose_the_adding(data: Path) -> None:
    """What a producer wrote is on the disk, that it was in its transaction is not."""
    image = data.parent / "image"
    async with running(data) as (node, service):
        topic = node.partitions.create_topic("logs", 2)
        zombie = await service.init(Init(transactional_id=ID, timeout_ms=60_000))
        write(node, zombie, 0)
        producer = await service.init(Init(transactional_id=ID, timeout_ms=60_000))
        write(node, producer, 1)
        await node.partitions.durable(node.partitions.log(topic, 1))
        shutil.copytree(data, image)
    async with running(image) as (node, service):
        assert markers(node, 0) == [False]
        assert state(service) is TransactionState.ONGOING
        await service.end(End(transactional_id=ID, producer=producer, commit=True))
        assert markers(node, 1) == [True]


def test_what_a_crash_left_open_is_taken_into_its_transaction_or_aborted(data: Path) -> None:
    asyncio.run(lose_the_adding(data))


async def end_beside_the_scan(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(directory) as (node, service):
        node.partitions.create_topic("logs", 2)
        end = End(transactional_id=ID, producer=await begin(node, service), commit=True)
        outcome = service.core.end(end, node.partitions.now_ms())
        service._record(outcome)
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with monkeypatch.context() as slow:
            slow.setattr(node.partitions.flusher, "durable", lambda _: durable)
            both = [asyncio.create_task(service._complete_all(outcome.events)) for _ in range(2)]
            for _ in range(10):
                await asyncio.sleep(0)
            assert markers(node, 1) == [True]
            assert not any(task.done() for task in both)
        durable.set_result(None)
        await asyncio.gather(*both)
        assert markers(node, 0) == [True], "written once, although two waited for it"


def test_nobody_is_told_of_an_end_whose_markers_somebody_else_still_writes(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scan finds what a client has just decided, too."""
    asyncio.run(end_beside_the_scan(data, monkeypatch))
