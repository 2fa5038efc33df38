"""No handler goes through a long request in one step: others have their turn after 5 ms, which have passed after every
element by the clock of this test."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from logpost_broker.api import SERVED, handled
from logpost_broker.api.registry import Api, RequestContext
from logpost_broker.broker import EMBEDDED
from logpost_broker.node import Node
from tests.broker.api.conftest import NewTopic
from tests.broker.api.counted_turns import CountedTurns, Open
from tests.broker.api.many_elements import ArrayPath, Filler, arrays_of
from tests.broker.wire_client import WireClient, versions

ELEMENTS = 150
"""More than the broker has settings, APIs or nodes to tell of whatever it is asked."""
OTHERWISE = frozenset({"describe_log_dirs", "leave_group", "produce"})
"""What takes long is done in a thread, or some hundred elements at once."""


def longest_array(answer: Any) -> int:
    """How many different entities the longest array in the answer has."""
    longest = 0
    left = [answer]
    while left:
        one = left.pop()
        if isinstance(one, tuple):
            longest = max(longest, len({id(each) for each in one if dataclasses.is_dataclass(each)}))
            left += one
        elif dataclasses.is_dataclass(one):
            left += [getattr(one, field.name) for field in dataclasses.fields(one)]
    return longest


async def held(directory: Path) -> list[str]:
    """What goes through its elements in one step."""
    node = Node(EMBEDDED, directory, host="localhost", port=0)
    node.open()
    await node.start()
    node.partitions.create_topic("e0", ELEMENTS)
    found = []
    for api, path, is_alike in requests():
        node.partitions.turns = turns = CountedTurns()
        context = RequestContext(version=api.max_version, client_id="", client_host="localhost", connection=Open())
        answer = api.handler(node, Filler({}, is_alike).filled(api.request, path, ELEMENTS), context)
        if asyncio.isfuture(answer) or asyncio.iscoroutine(answer):
            answer = await answer
        if (elements := longest_array(answer)) >= ELEMENTS and turns.waits < elements:
            found.append(f"{api.name}, {'.'.join(path)}: {turns.waits} turns, {elements} elements in the answer")
    await node.stop()
    return found


def requests() -> Iterator[tuple[Api, ArrayPath, bool]]:
    """An API, where its request has many elements, and whether these are all alike."""
    for key, served in SERVED.items():
        api = handled(key)
        assert api is not None
        if served.name not in OTHERWISE:
            for path in arrays_of(api.request):
                yield from ((api, path, is_alike) for is_alike in (False, True))


def test_others_have_their_turn_between_the_elements_of_any_request(tmp_path: Path) -> None:
    assert asyncio.run(held(tmp_path)) == []


@pytest.mark.parametrize(
    ("api", "array", "one"),
    [
        ("consumer_group_describe", "group_ids", "g"),
        ("delete_groups", "groups_names", "a group of nobody"),
        ("describe_configs", "resources", {"resource_type": 4, "resource_name": "1"}),
        ("describe_groups", "groups", "g"),
        ("describe_producers", "topics", {"name": "t", "partition_indexes": (0, 0)}),
        ("describe_share_group_offsets", "groups", {"group_id": "g", "topics": None}),
        ("describe_transactions", "transactional_ids", "t"),
        ("offset_fetch", "groups", {"group_id": "g", "topics": None}),
        ("share_group_describe", "group_ids", "g"),
        ("streams_group_describe", "group_ids", "g"),
    ],
)
def test_what_is_named_many_times_is_answered_once(client: WireClient, api: str, array: str, one: Any) -> None:
    """Else a small request for one large group has an answer of any size."""
    version = versions(api)[-1]
    asked = [one] * 20 if isinstance(one, dict) else (one,) * 20
    once, often = (client.call(api, version, {array: each}) for each in (asked[:1], asked))
    assert often == once


def test_partitions_named_many_times_with_others_are_described_once(client: WireClient, new_topic: NewTopic) -> None:
    name = new_topic()
    topics = [{"name": name, "partition_indexes": (0, other)} for other in range(1, 4)]
    [described] = client.call("describe_producers", 0, {"topics": topics}).topics
    assert [partition.partition_index for partition in described.partitions] == [0, 1, 2, 3]
