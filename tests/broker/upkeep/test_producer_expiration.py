"""How many idempotent producers the partitions of a node remember."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from logpost.config import BrokerConfig
from logpost_broker.log.limits import MAX_PRODUCERS_OF_PARTITION
from logpost_broker.log.partition_log import PartitionLog
from logpost_broker.log.producers import EXPIRATION_MS
from logpost_broker.node import Node
from logpost_broker.upkeep.producer_expiration import ProducerExpiration, level_of
from tests.broker.log.logs import idempotent


@pytest.fixture
def logs(tmp_path: Path) -> tuple[Node, list[PartitionLog]]:
    node = Node(BrokerConfig(port=0, metrics_port=0), tmp_path, host="localhost", port=1)
    node.open()
    topic = node.partitions.create_topic("t", 3)
    return node, [node.partitions.log(topic, partition) for partition in range(3)]


def write(log: PartitionLog, first: int, count: int, now_ms: int) -> None:
    for producer_id in range(first, first + count):
        log.append(idempotent(producer_id, 0, [b"v"]), now_ms=now_ms + producer_id)


def ids(log: PartitionLog) -> list[int]:
    return [producer_id for producer_id, _ in log.producers]


@pytest.mark.parametrize(
    ("counts", "most", "expected"),
    [
        ([], 10, MAX_PRODUCERS_OF_PARTITION),
        ([3, 3, 4], 10, MAX_PRODUCERS_OF_PARTITION),
        ([100], 10, 10),
        ([1, 100], 10, 9),
        ([100, 2, 100, 3], 25, 10),
        ([7, 7], 10, 5),
        ([5] * 20, 10, 0),
    ],
)
def test_who_has_most_gives_first(counts: list[int], most: int, expected: int) -> None:
    level = level_of(counts, most)
    assert level == expected
    assert sum(min(count, level) for count in counts) <= most


def test_the_silent_of_the_largest_are_forgotten_and_that_is_said(
    logs: tuple[Node, list[PartitionLog]], caplog: pytest.LogCaptureFixture
) -> None:
    node, (large, small, _) = logs
    now_ms = node.partitions.now_ms()
    write(large, 0, 50, now_ms)
    write(small, 100, 5, now_ms)
    with caplog.at_level(logging.WARNING):
        asyncio.run(ProducerExpiration(node.partitions, most=55).check())
        assert (len(large.producers), len(small.producers), caplog.messages) == (50, 5, [])
        asyncio.run(ProducerExpiration(node.partitions, most=20).check())
    assert ids(large) == [*range(35, 50)]
    assert ids(small) == [*range(100, 105)]
    [line] = caplog.messages
    assert "t-0: of too many producers, 35 that were silent for longest were forgotten" in line
    assert large.append(idempotent(49, 0, [b"v"]), now_ms=now_ms).duplicate
    assert not large.append(idempotent(0, 0, [b"v"]), now_ms=now_ms).duplicate


def test_a_partition_that_nobody_writes_to_forgets_too(logs: tuple[Node, list[PartitionLog]]) -> None:
    node, (log, *_) = logs
    now_ms = node.partitions.now_ms()
    write(log, 0, 5, now_ms - 2 * EXPIRATION_MS)
    write(log, 5, 2, now_ms)
    asyncio.run(node.producer_expiration.check())
    assert ids(log) == [5, 6]
    assert log.producers.take_forgotten() == 0
