"""A node with the coordinators of transactions and groups, on real logs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from kio.schema.errors import ErrorCode

from logpost_broker.broker import EMBEDDED
from logpost_broker.groups.offsets.messages import Commit, OffsetToCommit
from logpost_broker.log.batch import CONTROL
from logpost_broker.log.producer_identity import ProducerIdentity
from logpost_broker.log.records import COMMIT, build_batch, records_of
from logpost_broker.node import Node
from logpost_broker.transactions.messages import OFFSETS_PARTITION, Add, Init
from logpost_broker.transactions.service import TransactionService
from logpost_broker.transactions.states import TransactionState

ID = "copier"
PLACES = frozenset({("logs", 0), ("logs", 1), OFFSETS_PARTITION})


@asynccontextmanager
async def running(directory: Path) -> AsyncIterator[tuple[Node, TransactionService]]:
    node = Node(EMBEDDED, directory, host="localhost", port=0)
    node.open()
    await node.start()
    yield node, node.transactions
    await node.stop()


async def begin(node: Node, service: TransactionService) -> ProducerIdentity:
    """A transaction with a record in each of two partitions, and an offset."""
    producer = await service.init(Init(transactional_id=ID, timeout_ms=60_000))
    await service.add(Add(transactional_id=ID, producer=producer, partitions=PLACES))
    for partition in range(2):
        write(node, producer, partition)
    offsets = (OffsetToCommit(topic="logs", partition=0, offset=5, leader_epoch=-1, metadata=""),)
    commit = Commit(group_id="g", member_id="", instance_id=None, generation=-1, offsets=offsets, producer=producer)
    assert (await node.groups.commit(commit)).code is ErrorCode.none
    return producer


def write(node: Node, producer: ProducerIdentity, partition: int) -> None:
    topic = node.partitions.topics.by_name("logs")
    assert topic is not None
    node.partitions.log(topic, partition).append(
        build_batch([(None, b"v")], node.partitions.now_ms(), producer), now_ms=node.partitions.now_ms()
    )


def markers(node: Node, partition: int) -> list[bool]:
    """Of each marker in a partition, whether it commits."""
    topic = node.partitions.topics.by_name("logs")
    assert topic is not None
    log = node.partitions.log(topic, partition)
    found = []
    for header in log.headers_from(0):
        if header.attributes & CONTROL:
            [record] = records_of(log.read(header.base_offset, header.size_bytes, up_to_end=True))
            found.append(record.key == bytes([0, 0, 0, COMMIT]))
    return found


def state(service: TransactionService) -> TransactionState:
    found = service.core.describe(ID)
    assert found is not None
    return found.state
