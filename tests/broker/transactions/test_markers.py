"""The markers of a transaction's end: each partition gets one, behind all that belongs to the transaction."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from logpost_broker.log.batch import TRANSACTIONAL
from logpost_broker.log.produced import check_produced
from logpost_broker.log.records import build_batch
from logpost_broker.metadata.topics import TopicChanges
from logpost_broker.node import Node
from logpost_broker.partitions.appender import Written
from logpost_broker.transactions.messages import Add, End, Init
from logpost_broker.transactions.states import TransactionState
from tests.broker.log.logs import changed
from tests.broker.partitions.test_appender import Client
from tests.broker.transactions.nodes import ID, begin, markers, running, state, write


async def end_behind_a_queue(directory: Path) -> None:
    async with running(directory) as (node, service):
        topic = node.partitions.create_topic("logs", 1, {"compression.type": "gzip"})
        producer = await service.init(Init(transactional_id=ID, timeout_ms=60_000))
        await service.add(Add(transactional_id=ID, producer=producer, partitions=frozenset({("logs", 0)})))
        batch = changed(
            build_batch([(None, os.urandom(500_000))], node.partitions.now_ms()),
            attributes=TRANSACTIONAL,
            producer_id=producer.producer_id,
            producer_epoch=producer.epoch,
            base_sequence=0,
        )
        rules = topic.configs.rules(node.partitions.config)
        header = check_produced(batch, rules, now_ms=node.partitions.now_ms(), takes_zstd=True)
        log = node.partitions.log(topic, 0)
        queued = node.partitions.appender.append(
            log, header, batch, rules, now_ms=node.partitions.now_ms(), connection=Client()
        )
        assert isinstance(queued, asyncio.Future), "it is compressed in a thread"
        await service.end(End(transactional_id=ID, producer=producer, commit=False))
        assert isinstance(queued.result(), Written)
        assert [written.base_offset for written in log.headers_from(0)] == [0, 1]
        assert markers(node, 0) == [False]
        assert list(log.open_transactions) == []


def test_a_marker_stands_behind_what_was_sent_before_the_end(tmp_path: Path) -> None:
    """Else the transaction of a client that gave up on a request would be open for ever, or go into its next one."""
    asyncio.run(end_behind_a_queue(tmp_path))


async def make_the_topic_again_smaller(directory: Path) -> None:
    async with running(directory) as (node, service):
        topic = node.partitions.create_topic("logs", 2)
        producer = await begin(node, service)
        await node.partitions.change_topics([topic], TopicChanges.delete)
        node.partitions.create_topic("logs", 1)
        await service.end(End(transactional_id=ID, producer=producer, commit=True))
        assert state(service) is TransactionState.COMPLETE_COMMIT


def test_a_transaction_ends_although_its_topic_has_fewer_partitions_now(tmp_path: Path) -> None:
    asyncio.run(make_the_topic_again_smaller(tmp_path))


async def lose_one_of_three(directory: Path) -> None:
    async with running(directory) as (node, service):
        topic = node.partitions.create_topic("logs", 3)
        producer = await begin(node, service)
        await service.add(Add(transactional_id=ID, producer=producer, partitions=frozenset({("logs", 2)})))
        write(node, producer, 2)
        node.partitions.log(topic, 1).go_offline("the test says so")
        await service.end(End(transactional_id=ID, producer=producer, commit=True))
        assert state(service) is TransactionState.PREPARE_COMMIT
        assert markers(node, 0) == markers(node, 2) == [True]
        for _ in range(2):
            await service.scan()
        assert markers(node, 0) == markers(node, 2) == [True], "not once more at each try"


def test_a_partition_that_is_offline_keeps_no_other_waiting(tmp_path: Path) -> None:
    asyncio.run(lose_one_of_three(tmp_path))


async def decide_during_a_scan(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(directory) as (node, service):
        node.partitions.create_topic("logs", 2)
        producer = await begin(node, service)
        syncs: list[asyncio.Future[None]] = []
        with monkeypatch.context() as slow:
            slow.setattr(node.partitions.flusher, "durable", lambda _: _kept(syncs))
            other = asyncio.create_task(service.init(Init(transactional_id="other", timeout_ms=60_000)))
            await _turns()
            scan = asyncio.create_task(service.scan())
            await _turns()
            end = asyncio.create_task(service.end(End(transactional_id=ID, producer=producer, commit=True)))
            await _turns()
            before, decision = syncs
            before.set_result(None)
            await _turns()
            assert markers(node, 0) == [], "the decision is not durable yet"
        decision.set_result(None)
        await asyncio.gather(other, scan, end)
        assert markers(node, 0) == [True]
        assert state(service) is TransactionState.COMPLETE_COMMIT


def _kept(futures: list[asyncio.Future[None]]) -> asyncio.Future[None]:
    futures.append(asyncio.get_running_loop().create_future())
    return futures[-1]


async def _turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_no_marker_is_written_before_the_decision_is_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(decide_during_a_scan(tmp_path, monkeypatch))


async def break_a_scan(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(directory) as (node, service):
        topic = node.partitions.create_topic("logs", 1)
        producer = await service.init(Init(transactional_id=ID, timeout_ms=1))
        await service.add(Add(transactional_id=ID, producer=producer, partitions=frozenset({("logs", 0)})))
        write(node, producer, 0)
        failed = asyncio.Event()

        async def fail() -> None:
            failed.set()
            raise ValueError("the test says so")

        with monkeypatch.context() as broken:
            broken.setattr(service, "scan", fail)
            await failed.wait()
        await _marked(node, topic.partitions - 1)


async def _marked(node: Node, partition: int) -> None:
    topic = node.partitions.topics.by_name("logs")
    assert topic is not None
    grown = asyncio.Event()
    node.partitions.log(topic, partition).watchers.add(lambda _: grown.set())
    while not markers(node, partition):
        grown.clear()
        await grown.wait()


def test_a_scan_that_fails_is_not_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asyncio.run(asyncio.wait_for(break_a_scan(tmp_path, monkeypatch), 60))
    assert "the scan for transactions that have timed out failed" in caplog.text
