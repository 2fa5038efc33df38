"""DescribeTopicPartitions: topics in order, a limit, a cursor; as Apache Kafka 4.3 answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from kio.schema.describe_topic_partitions.v0.request import Cursor
from kio.schema.errors import ErrorCode

from logpost_broker import Broker
from tests.broker.api.conftest import create
from tests.broker.wire_client import WireClient, entity

Found = list[tuple[str, list[int]]]


@pytest.fixture(scope="module")
def cluster() -> Iterator[WireClient]:
    """A broker with the topics a, of three partitions, and b, of two."""
    with Broker() as broker, WireClient(broker.port) as client:
        create(client, "a", num_partitions=3)
        create(client, "b", num_partitions=2)
        yield client


def describe(client: WireClient, *names: str, limit: int = 2000, cursor: tuple[str, int] | None = None) -> Any:
    asked: dict[str, Any] = {"topics": [{"name": name} for name in names], "response_partition_limit": limit}
    if cursor is not None:
        asked["cursor"] = entity(Cursor, {"topic_name": cursor[0], "partition_index": cursor[1]})
    return client.call("describe_topic_partitions", 0, asked)


def found(answer: Any) -> Found:
    assert all(topic.error_code is ErrorCode.none for topic in answer.topics)
    return [(topic.name, [one.partition_index for one in topic.partitions]) for topic in answer.topics]


def next_of(answer: Any) -> tuple[str, int] | None:
    cursor = answer.next_cursor
    return None if cursor is None else (cursor.topic_name, cursor.partition_index)


def test_everything_about_a_partition_of_one_replica(cluster: WireClient) -> None:
    [topic] = describe(cluster, "a").topics
    assert (topic.is_internal, topic.topic_authorized_operations, topic.topic_id is None) == (False, 3576, False)
    partition = topic.partitions[2]
    assert (partition.partition_index, partition.error_code, partition.leader_id) == (2, ErrorCode.none, 1)
    assert (partition.replica_nodes, partition.isr_nodes) == ((1,), (1,))
    assert (partition.eligible_leader_replicas, partition.last_known_elr, partition.offline_replicas) == ((), (), ())


def test_no_topics_asked_means_all_in_the_order_of_their_names(cluster: WireClient) -> None:
    assert found(describe(cluster)) == [("a", [0, 1, 2]), ("b", [0, 1])]
    assert found(describe(cluster, "b", "a", "b")) == [("a", [0, 1, 2]), ("b", [0, 1])]


@pytest.mark.parametrize(
    ("limit", "expected", "cursor"),
    [
        (-1, [("a", [0])], ("a", 1)),
        (0, [("a", [0])], ("a", 1)),
        (2, [("a", [0, 1])], ("a", 2)),
        (3, [("a", [0, 1, 2])], ("b", 0)),
        (4, [("a", [0, 1, 2]), ("b", [0])], ("b", 1)),
        (5, [("a", [0, 1, 2]), ("b", [0, 1])], None),
    ],
)
def test_a_limit_ends_an_answer_with_a_cursor(
    cluster: WireClient, limit: int, expected: Found, cursor: tuple[str, int] | None
) -> None:
    answer = describe(cluster, limit=limit)
    assert (found(answer), next_of(answer)) == (expected, cursor)


@pytest.mark.parametrize(
    ("cursor", "expected"),
    [
        (("a", 1), [("a", [1, 2]), ("b", [0, 1])]),
        (("a", 3), [("a", []), ("b", [0, 1])]),
        (("a", 99), [("a", []), ("b", [0, 1])]),
        (("aa", 0), [("b", [0, 1])]),
        (("b", 1), [("b", [1])]),
        (("z", 0), []),
    ],
)
def test_an_answer_begins_at_the_cursor(cluster: WireClient, cursor: tuple[str, int], expected: Found) -> None:
    assert found(describe(cluster, cursor=cursor)) == expected


def test_cursors_lead_through_everything(cluster: WireClient) -> None:
    seen, cursor = [], None
    for _ in range(5):
        answer = describe(cluster, limit=1, cursor=cursor)
        seen += [(name, number) for name, numbers in found(answer) for number in numbers]
        cursor = next_of(answer)
    assert (seen, cursor) == ([("a", 0), ("a", 1), ("a", 2), ("b", 0), ("b", 1)], None)


@pytest.mark.parametrize("cursor", [("a", -1), ("aa", 0), ("z", 0)])
def test_a_cursor_outside_of_what_is_asked_for_is_refused(cluster: WireClient, cursor: tuple[str, int]) -> None:
    answer = describe(cluster, "b", "a", cursor=cursor)
    assert [(topic.name, topic.error_code) for topic in answer.topics] == [
        ("b", ErrorCode.invalid_request),
        ("a", ErrorCode.invalid_request),
    ]


def test_topics_that_are_not_there_are_told(cluster: WireClient) -> None:
    bad, known, unknown = describe(cluster, "nobody", "b", "a b").topics
    assert (bad.name, bad.error_code) == ("a b", ErrorCode.invalid_topic_exception)
    assert (known.name, known.error_code) == ("b", ErrorCode.none)
    assert (unknown.name, unknown.error_code) == ("nobody", ErrorCode.unknown_topic_or_partition)
