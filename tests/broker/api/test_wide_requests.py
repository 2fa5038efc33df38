"""Requests about many partitions are done in steps, and others are served between two of them. A clock that goes on by
a whole step each time it is asked makes every partition a step, so that they can be counted."""

from __future__ import annotations

import asyncio
import datetime
import uuid
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from kio.schema.errors import ErrorCode

import logpost_broker.api.group_offsets
from logpost_broker.api import handled
from logpost_broker.api.registry import RequestContext
from logpost_broker.broker import EMBEDDED
from logpost_broker.groups.journal import CONSUMER_OFFSETS
from logpost_broker.log.records import build_batch
from logpost_broker.metadata.topics import Topic, TopicChanges
from logpost_broker.node import Node
from tests.broker.api.counted_turns import CountedTurns, Open
from tests.broker.wire_client import entity, load, versions

PARTITIONS = 20
TOPIC = "wide"


class Wide:
    """A node with a topic, asked directly."""

    def __init__(self, node: Node, topic: Topic) -> None:
        self.node = node
        self.topic = topic
        self.turns = CountedTurns()
        self.take_turns(self.turns)
        self.connection = Open()

    def take_turns(self, turns: CountedTurns) -> None:
        self.turns = self.node.partitions.turns = turns

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
        before = self.turns.waits
        await self.ask(api, values)
        return self.turns.waits - before

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
    node.open()
    await node.start()
    yield Wide(node, node.partitions.create_topic(TOPIC, PARTITIONS))
    await node.stop()


def fetching(asked: Wide, seconds: float = 0, isolation_level: int = 0) -> dict[str, Any]:
    topics = asked.topics("partition", current_leader_epoch=-1, fetch_offset=0, partition_max_bytes=1000)
    wait = datetime.timedelta(seconds=seconds)
    limits = {"max_wait": wait, "min_bytes": 1, "max_bytes": 1 << 20, "isolation_level": isolation_level}
    return {**limits, "session_epoch": -1, "topics": topics}


def committing(asked: Wide, count: int = PARTITIONS, offset: int = 1, metadata: str = "") -> dict[str, Any]:
    topics = asked.topics("partition_index", count, committed_offset=offset, committed_metadata=metadata)
    return {"group_id": "g", "generation_id_or_member_epoch": -1, "generation_id": -1, "topics": topics}


def offsets(asked: Wide) -> list[int]:
    return [event.offset for event in asked.node.groups.core.offsets.committed("g").values()]


REQUESTS: dict[str, Any] = {
    "fetch": fetching,
    "list_offsets": lambda asked: {"topics": asked.topics("partition_index", current_leader_epoch=-1, timestamp=-1)},
    "offset_for_leader_epoch": lambda asked: {"topics": asked.topics("partition", current_leader_epoch=-1)},
    "offset_commit": committing,
    "offset_fetch": lambda asked: {"groups": [{"group_id": "g", "topics": None}]},
    "offset_delete": lambda asked: {"group_id": "g", "topics": asked.topics("partition_index")},
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
            await asked.ask("offset_commit", committing(asked))
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
            assert all(asked.node.partitions.log(asked.topic, number).next_offset == 1 for number in range(PARTITIONS))

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
                asked.node.partitions.log(asked.topic, number)
            first = asked.node.partitions.log(asked.topic, 0)
            fetch = asyncio.create_task(asked.ask("fetch", fetching(asked, seconds=3600)))
            await asked.turns.after(PARTITIONS // 2)
            assert not first.watchers
            first.append(build_batch([(None, b"v")], 1), now_ms=1)
            await asked.node.partitions.durable(first)
            answer = await fetch
            assert [bool(each.records) for each in answer.responses[0].partitions][:2] == [True, False]
            assert not first.watchers

    asyncio.run(story())


def test_a_wide_fetch_reads_once_for_all_that_came_meanwhile(tmp_path: Path) -> None:
    async def story() -> None:
        async with wide(tmp_path) as asked:
            logs = [asked.node.partitions.log(asked.topic, number) for number in range(PARTITIONS)]
            producer = await asked.producer()
            topics = [{"name": TOPIC, "partitions": tuple(range(PARTITIONS))}]
            await asked.ask("add_partitions_to_txn", {"transactions": [{**producer, "topics": topics}]})
            fetch = asyncio.create_task(asked.ask("fetch", fetching(asked, seconds=3600, isolation_level=1)))
            await asked.turns.after(2 * PARTITIONS)
            assert logs[0].watchers
            before = asked.turns.waits
            for log in logs:  # each wakes the fetch, whose reader does not see it: its transaction is open
                for watcher in tuple(log.watchers):
                    watcher(100)
            for _ in range(10 * PARTITIONS):
                await asyncio.sleep(0)
            assert PARTITIONS - 1 <= asked.turns.waits - before <= 2 * PARTITIONS + 4, "one pass, not twenty"
            asked.node.partitions.release_parked()
            assert {each.records for each in (await fetch).responses[0].partitions} == {b""}

    asyncio.run(story())


def codes(answer: Any) -> set[ErrorCode]:
    return {each.error_code for topic in answer.topics for each in topic.partitions}


def test_a_wide_commit_is_one_batch(tmp_path: Path) -> None:
    async def story() -> None:
        async with wide(tmp_path) as asked:
            commit = asyncio.create_task(asked.ask("offset_commit", committing(asked)))
            await asked.turns.after(PARTITIONS)
            assert offsets(asked) == [], "nobody sees a part of it"
            assert codes(await commit) == {ErrorCode.none}
            assert offsets(asked) == [1] * PARTITIONS
            journal = asked.node.partitions.topics.by_name(CONSUMER_OFFSETS)
            assert journal is not None
            assert [header.record_count for header in asked.node.partitions.log(journal, 0).headers_from(0)] == [
                PARTITIONS
            ]

    asyncio.run(story())


def test_a_commit_whose_topic_goes_meanwhile_leaves_nothing_to_the_next_of_its_name(tmp_path: Path) -> None:
    async def story() -> None:
        async with wide(tmp_path) as asked:
            commit = asyncio.create_task(asked.ask("offset_commit", committing(asked)))
            await asked.turns.after(PARTITIONS)
            await asked.node.partitions.change_topics([asked.topic], TopicChanges.delete)
            asked.node.partitions.create_topic(TOPIC, PARTITIONS)
            assert codes(await commit) == {ErrorCode.unknown_topic_id}
            assert offsets(asked) == []

    asyncio.run(story())


def test_a_commit_of_a_member_that_is_fenced_meanwhile_is_refused(tmp_path: Path) -> None:
    async def story() -> None:
        async with wide(tmp_path) as asked:
            commit = asyncio.create_task(asked.ask("offset_commit", committing(asked)))
            await asked.turns.after(PARTITIONS)
            second = datetime.timedelta(seconds=10)
            joining = {"group_id": "g", "member_id": "", "session_timeout": second, "rebalance_timeout": second}
            protocols = [{"name": "range", "metadata": b""}]
            joined = await asked.ask("join_group", {**joining, "protocol_type": "consumer", "protocols": protocols})
            joining["member_id"] = joined.member_id
            await asked.ask("join_group", {**joining, "protocol_type": "consumer", "protocols": protocols})
            assert codes(await commit) == {ErrorCode.unknown_member_id}
            assert offsets(asked) == []

    asyncio.run(story())


def test_offsets_of_a_transaction_that_ends_meanwhile_are_refused(tmp_path: Path) -> None:
    """Behind its end they would stay pending, and count with the next transaction of the producer."""

    async def story() -> None:
        async with wide(tmp_path) as asked:
            producer = await asked.producer()
            await asked.ask("add_offsets_to_txn", {**producer, "group_id": "g"})
            commit = asyncio.create_task(asked.ask("txn_offset_commit", committing(asked) | producer))
            await asked.turns.after(PARTITIONS)
            ended = await asked.ask("end_txn", {**producer, "committed": False})
            assert ended.error_code is ErrorCode.none
            assert codes(await commit) == {ErrorCode.invalid_producer_epoch}
            assert asked.node.groups.core.offsets.pending("g") == frozenset()
            before = asked.turns.waits
            producer["producer_epoch"] = ended.producer_epoch
            assert codes(await asked.ask("txn_offset_commit", committing(asked) | producer)) == {ErrorCode.none}
            assert asked.turns.waits - before > PARTITIONS
            assert len(asked.node.groups.core.offsets.pending("g")) == PARTITIONS

    asyncio.run(story())


def test_a_commit_that_is_no_single_batch_is_refused(tmp_path: Path) -> None:
    """As by Kafka, whose batches of the journal have at most 1 MiB too."""

    async def story() -> None:
        async with wide(tmp_path) as asked:
            topic = asked.node.partitions.create_topic("wider", 300)
            large = [
                {"partition_index": number, "committed_offset": 1, "committed_metadata": "x" * 4_000}
                for number in range(300)
            ]
            topics = [{"topic_id": topic.id, "partitions": large[:count]} for count in (300, 200)]
            values = {"group_id": "g", "generation_id_or_member_epoch": -1}
            answers = [await asked.ask("offset_commit", {**values, "topics": [each]}) for each in topics]
            assert [codes(each) for each in answers] == [{ErrorCode.invalid_commit_offset_size}, {ErrorCode.none}]
            assert len(offsets(asked)) == 200

    asyncio.run(story())


def test_offsets_that_are_fetched_in_steps_are_those_of_one_moment(tmp_path: Path) -> None:
    async def story() -> None:
        async with wide(tmp_path) as asked:
            await asked.ask("offset_commit", committing(asked, offset=1))
            groups = [{"group_id": "g", "topics": None}] * 3
            fetch = asyncio.create_task(asked.ask("offset_fetch", {"groups": groups}))
            await asked.turns.after(PARTITIONS // 2)
            await asked.ask("offset_commit", committing(asked, offset=2))
            [group] = (await fetch).groups
            assert {each.committed_offset for each in group.topics[0].partitions} == {1}

    asyncio.run(story())


def test_whole_groups_are_answered_as_long_as_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a small request has an answer of any size. Clients ask again for the others."""

    async def story() -> None:
        async with wide(tmp_path) as asked:
            for group_id in ("a", "b", "c"):
                await asked.ask("offset_commit", committing(asked) | {"group_id": group_id})
            names = ["a", "b", "none", "c"]
            groups = [{"group_id": group_id, "topics": None} for group_id in names]
            found = (await asked.ask("offset_fetch", {"groups": groups})).groups
            assert [group.group_id for group in found] == names
            assert [group.error_code for group in found] == [ErrorCode.none] * 3 + [
                ErrorCode.coordinator_load_in_progress
            ]

    monkeypatch.setattr(logpost_broker.api.group_offsets, "MAX_FETCHED_OFFSETS", 2 * PARTITIONS)
    asyncio.run(story())


def test_many_offsets_are_deleted_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with wide(tmp_path) as asked:
            await asked.ask("offset_commit", committing(asked))
            deleted = await asked.ask("offset_delete", {"group_id": "g", "topics": asked.topics("partition_index", 21)})
            codes = [each.error_code for each in deleted.topics[0].partitions]
            assert codes == [ErrorCode.none] * PARTITIONS + [ErrorCode.unknown_topic_or_partition]
            assert offsets(asked) == []
            again = await asked.ask("offset_delete", {"group_id": "g", "topics": asked.topics("partition_index")})
            assert again.error_code is ErrorCode.group_id_not_found

    monkeypatch.setattr(logpost_broker.api.group_offsets, "DELETED_AT_ONCE", 7)
    asyncio.run(story())
