"""Requests about many partitions are done in steps, and others are served between two of them. A clock that goes on by
a whole step each time it is asked makes every partition a step, so that they can be counted."""

from __future__ import annotations

import asyncio
import datetime
import itertools
import uuid
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from kio.schema.errors import ErrorCode

from logpost_broker.api import handled
from logpost_broker.broker import EMBEDDED, SERVICES
from logpost_broker.log.records import build_batch
from logpost_broker.node import Node
from logpost_broker.topics import Topic
from logpost_broker.turns import STEP_SECONDS, Turns
from logpost_broker.wire.registry import RequestContext
from tests.broker.wire_client import entity, load, versions

PARTITIONS = 20
TOPIC = "wide"


class Connection:
    """As handlers see it."""

    closed = False

    def hold(self) -> None: ...

    def go_on(self) -> None: ...

    def when_lost(self, key: object, call: object) -> None: ...


class CountedTurns(Turns):
    """Each time it is asked for, the time of a step has gone by."""

    def __init__(self) -> None:
        ticks = itertools.count()
        super().__init__(lambda: next(ticks) * 2 * STEP_SECONDS)
        self.count = 0
        self._awaited: dict[int, asyncio.Event] = {}

    async def wait(self) -> None:
        self.count += 1
        self._awaited.get(self.count, asyncio.Event()).set()
        await super().wait()

    async def after(self, count: int) -> None:
        """Return when there were so many more."""
        reached = self._awaited[self.count + count] = asyncio.Event()
        await reached.wait()


class Wide:
    """A node with a topic, asked directly."""

    def __init__(self, node: Node, topic: Topic) -> None:
        self.node = node
        self.topic = topic
        self.turns = node.turns = CountedTurns()
        self.connection = Connection()

    async def ask(self, api: str, values: Mapping[str, Any]) -> Any:
        request = entity(load(api, versions(api)[-1], "request"), values)
        context = RequestContext(
            version=versions(api)[-1],
            client_id="test",
            client_host="localhost",
            connection=self.connection,
        )
        found = handled(int(request.__api_key__))
        assert found is not None
        answer = found.handler(self.node, request, context)
        return await answer if isinstance(answer, Awaitable) else answer

    async def turns_of(self, api: str, values: Mapping[str, Any]) -> int:
        """How often others were served."""
        before = self.turns.count
        await self.ask(api, values)
        return self.turns.count - before

    def topics(self, key: str, count: int = PARTITIONS, **values: Any) -> list[dict[str, Any]]:
        partitions = [{key: number, **values} for number in range(count)]
        named = {"name": TOPIC, "topic": TOPIC, "topic_name": TOPIC, "topic_id": self.topic.id}
        return [{**named, "partitions": partitions}]

    async def producer(self) -> dict[str, Any]:
        values = {"transactional_id": "t", "transaction_timeout": datetime.timedelta(minutes=1)}
        answer = await self.ask("init_producer_id", {**values, "producer_id": -1, "producer_epoch": -1})
        return {"transactional_id": "t", "producer_id": answer.producer_id, "producer_epoch": answer.producer_epoch}


@asynccontextmanager
async def wide(directory: Path) -> AsyncIterator[Wide]:
    node = Node(EMBEDDED, directory, host="localhost", port=0)
    for service in SERVICES:
        node.add_service(service(node))
    await node.start()
    yield Wide(node, node.create_topic(TOPIC, PARTITIONS))
    await node.stop()


def fetching(asked: Wide, seconds: float = 0, isolation_level: int = 0) -> dict[str, Any]:
    topics = asked.topics("partition", current_leader_epoch=-1, fetch_offset=0, partition_max_bytes=1000)
    wait = datetime.timedelta(seconds=seconds)
    limits = {"max_wait": wait, "min_bytes": 1, "max_bytes": 1 << 20, "isolation_level": isolation_level}
    return {**limits, "session_epoch": -1, "topics": topics}


REQUESTS: dict[str, Any] = {
    "fetch": fetching,
    "list_offsets": lambda asked: {"topics": asked.topics("partition_index", current_leader_epoch=-1, timestamp=-1)},
    "offset_for_leader_epoch": lambda asked: {"topics": asked.topics("partition", current_leader_epoch=-1)},
    "delete_records": lambda asked: {"topics": asked.topics("partition_index", offset=-1)},
    "alter_share_group_offsets": lambda asked: {"group_id": "s", "topics": asked.topics("partition_index")},
    "describe_share_group_offsets": lambda asked: {
        "groups": [{"group_id": "s", "topics": [{"topic_name": TOPIC, "partitions": tuple(range(PARTITIONS))}]}]
    },
    "initialize_share_group_state": lambda asked: {"group_id": "s", "topics": asked.topics("partition")},
    "read_share_group_state": lambda asked: {"group_id": "s", "topics": asked.topics("partition")},
    "read_share_group_state_summary": lambda asked: {"group_id": "s", "topics": asked.topics("partition")},
    "delete_share_group_state": lambda asked: {"group_id": "s", "topics": asked.topics("partition")},
    "write_txn_markers": lambda asked: {
        "markers": [
            {
                "producer_id": 1,
                "topics": [{"name": TOPIC, "partition_indexes": tuple(range(PARTITIONS))}],
            }
        ]
    },
}


@pytest.mark.parametrize("api", REQUESTS)
def test_others_are_served_between_two_partitions(tmp_path: Path, api: str) -> None:
    async def story() -> None:
        async with wide(tmp_path) as asked:
            await asked.ask(
                "alter_share_group_offsets", {"group_id": "s", "topics": asked.topics("partition_index", 1)}
            )
            assert await asked.turns_of(api, REQUESTS[api](asked)) >= PARTITIONS - 1

    asyncio.run(story())


def test_a_transaction_ends_in_steps(tmp_path: Path) -> None:
    async def story() -> None:
        async with wide(tmp_path) as asked:
            producer = await asked.producer()
            topics = [{"name": TOPIC, "partitions": tuple(range(PARTITIONS))}]
            added = await asked.ask("add_partitions_to_txn", {"transactions": [{**producer, "topics": topics}]})
            codes = {
                each.partition_error_code
                for topic in added.results_by_transaction[0].topic_results
                for each in topic.results_by_partition
            }
            assert codes == {ErrorCode.none}
            assert await asked.turns_of("end_txn", {**producer, "committed": True}) >= PARTITIONS - 1
            assert all(asked.node.log(asked.topic, number).next_offset == 1 for number in range(PARTITIONS))

    asyncio.run(story())


def test_a_wide_share_fetch_looks_in_steps(tmp_path: Path) -> None:
    async def story() -> None:
        async with wide(tmp_path) as asked:
            member = {"group_id": "s", "member_id": str(uuid.uuid4())}
            joining = {"member_epoch": 0, "subscribed_topic_names": (TOPIC,)}
            await asked.ask("share_group_heartbeat", {**member, **joining})
            opening = {**member, "share_session_epoch": 0, "max_bytes": 1 << 20, "max_records": 10}
            topics = asked.topics("partition_index")
            assert await asked.turns_of("share_fetch", {**opening, "topics": topics}) >= 3 * (PARTITIONS - 1), (
                "to begin, to look, and to answer"
            )

    asyncio.run(story())


def test_what_comes_while_a_wide_fetch_reads_ends_its_wait(tmp_path: Path) -> None:
    """The log was read already, and nobody watches it yet."""

    async def story() -> None:
        async with wide(tmp_path) as asked:
            for number in range(PARTITIONS):
                asked.node.log(asked.topic, number)
            first = asked.node.log(asked.topic, 0)
            fetch = asyncio.create_task(asked.ask("fetch", fetching(asked, seconds=3600)))
            await asked.turns.after(PARTITIONS // 2)
            assert not first.watchers
            first.append(build_batch([(None, b"v")], 1), now_ms=1)
            await asked.node.durable(first)
            answer = await fetch
            assert [bool(each.records) for each in answer.responses[0].partitions][:2] == [True, False]
            assert not first.watchers

    asyncio.run(story())


def test_a_wide_fetch_reads_once_for_all_that_came_meanwhile(tmp_path: Path) -> None:
    async def story() -> None:
        async with wide(tmp_path) as asked:
            logs = [asked.node.log(asked.topic, number) for number in range(PARTITIONS)]
            producer = await asked.producer()
            topics = [{"name": TOPIC, "partitions": tuple(range(PARTITIONS))}]
            await asked.ask("add_partitions_to_txn", {"transactions": [{**producer, "topics": topics}]})
            fetch = asyncio.create_task(asked.ask("fetch", fetching(asked, seconds=3600, isolation_level=1)))
            await asked.turns.after(2 * PARTITIONS)
            assert logs[0].watchers
            before = asked.turns.count
            for log in logs:  # each wakes the fetch, whose reader does not see it: its transaction is open
                for watcher in tuple(log.watchers):
                    watcher(100)
            for _ in range(10 * PARTITIONS):
                await asyncio.sleep(0)
            assert PARTITIONS - 1 <= asked.turns.count - before <= 2 * PARTITIONS + 4, "one pass, not twenty"
            asked.node.release_parked()
            assert {each.records for each in (await fetch).responses[0].partitions} == {b""}

    asyncio.run(story())
