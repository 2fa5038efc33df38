"""Small requests about all there is, and what the broker does with all of it by itself: in steps, and others are served
between two of them."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from kio.schema.errors import ErrorCode

from logpost_broker.api.metadata import TOPICS_ON_FIRST_USE
from logpost_broker.groups.offset_requests import FORGOTTEN_AT_ONCE
from logpost_broker.transactions.service import IDS_AT_ONCE
from tests.broker.api.counted_turns import CountedTurns
from tests.broker.api.test_steps import longest_array
from tests.broker.api.test_wide_requests import TOPIC, Wide, committing, wide

MANY = 150
LOOKS = 10
"""At the clock, until a step's time is used up: few elements are none of the steps that are counted."""
WAIT = datetime.timedelta(minutes=1)


async def commit(asked: Wide, group: str) -> None:
    answer = await asked.ask("offset_commit", {**committing(asked, count=1), "group_id": group})
    assert answer.topics[0].partitions[0].error_code is ErrorCode.none


async def begin(asked: Wide, transactional_id: str) -> dict[str, Any]:
    values = {"transactional_id": transactional_id, "transaction_timeout": WAIT}
    answer = await asked.ask("init_producer_id", {**values, "producer_id": -1, "producer_epoch": -1})
    assert answer.error_code is ErrorCode.none
    producer = {"producer_id": answer.producer_id, "producer_epoch": answer.producer_epoch}
    return {"transactional_id": transactional_id, **producer}


@asynccontextmanager
async def many(directory: Path) -> AsyncIterator[Wide]:
    """As many topics, groups and transactional ids."""
    async with wide(directory) as asked:
        for number in range(MANY):
            asked.node.partitions.create_topic(f"topic-{number}", 1)
            await commit(asked, f"group-{number}")
            await begin(asked, f"transactions-{number}")
        asked.take_turns(CountedTurns(LOOKS))
        yield asked


def run(directory: Path, story: Callable[[Wide], Awaitable[None]]) -> None:
    async def told() -> None:
        async with many(directory) as asked:
            await story(asked)

    asyncio.run(told())


@pytest.mark.parametrize(
    ("api", "values"),
    [
        ("describe_topic_partitions", {"response_partition_limit": 2_000}),
        ("list_config_resources", {}),
        ("list_groups", {}),
        ("list_transactions", {"duration_filter": -1}),
        ("metadata", {"topics": None}),
    ],
)
def test_others_are_served_while_all_is_told(tmp_path: Path, api: str, values: dict[str, Any]) -> None:
    async def story(asked: Wide) -> None:
        before = asked.turns.waits
        answer = await asked.ask(api, values)
        assert longest_array(answer) >= MANY
        assert asked.turns.waits - before >= MANY // LOOKS

    run(tmp_path, story)


def test_others_are_served_while_topics_are_made_on_first_use(tmp_path: Path) -> None:
    async def story() -> None:
        async with wide(tmp_path) as asked:
            wanted = [{"name": f"used-{number}", "topic_id": None} for number in range(TOPICS_ON_FIRST_USE)]
            values = {"topics": wanted, "allow_auto_topic_creation": True}
            assert await asked.turns_of("metadata", values) >= TOPICS_ON_FIRST_USE

    asyncio.run(story())


def test_others_are_served_while_a_topic_goes_that_many_groups_have_read(tmp_path: Path) -> None:
    async def story(asked: Wide) -> None:
        gone = {"topics": [{"name": TOPIC, "topic_id": None}]}
        assert await asked.turns_of("delete_topics", gone) >= MANY // LOOKS
        assert asked.node.groups.core.table.ids() == set(), "they had nothing else"

    run(tmp_path, story)


def test_others_are_served_while_offsets_of_many_groups_expire(tmp_path: Path) -> None:
    async def story(asked: Wide) -> None:
        before = asked.turns.waits
        await asked.node.groups.expire_offsets()
        assert asked.turns.waits - before >= MANY // LOOKS
        assert len(asked.node.groups.core.table.ids()) == MANY

    run(tmp_path, story)


@pytest.mark.parametrize("count", [1, FORGOTTEN_AT_ONCE + 1, 3 * FORGOTTEN_AT_ONCE])
def test_others_are_served_while_a_group_of_many_offsets_goes(tmp_path: Path, count: int) -> None:
    async def story() -> None:
        async with wide(tmp_path) as asked:
            asked.topic = asked.node.partitions.create_topic("larger", count)
            await asked.ask("offset_commit", committing(asked, count))
            asked.take_turns(CountedTurns())
            [deleted] = (await asked.ask("delete_groups", {"groups_names": ("g",)})).results
            assert deleted.error_code is ErrorCode.none
            assert asked.turns.waits >= count // FORGOTTEN_AT_ONCE
            assert asked.node.groups.core.table.ids() == set()
            [deleted] = (await asked.ask("delete_groups", {"groups_names": ("g",)})).results
            assert deleted.error_code is ErrorCode.group_id_not_found

    asyncio.run(story())


def test_others_are_served_while_many_transactions_are_looked_at(tmp_path: Path) -> None:
    """Each second at those that are going on, and at all others once a minute."""

    async def story() -> None:
        async with wide(tmp_path) as asked:
            for number in range(2 * IDS_AT_ONCE):
                producer = await begin(asked, f"idle-{number}")
            partitions = [{"name": TOPIC, "partitions": (0,)}]
            await asked.ask("add_partitions_to_txn", {"transactions": [{**producer, "topics": partitions}]})
            turns = {}
            for look in (asked.node.transactions.scan, asked.node.transactions.forget_unused):
                before = asked.turns.waits
                await look()
                turns[look.__name__] = asked.turns.waits - before
            assert turns == {"scan": 1, "forget_unused": 2}

    asyncio.run(story())
