"""Requests about 1,000 partitions that nobody has used, or 90,000: rows of `bench/patience.py`."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable
from typing import Any

from kio.schema.errors import ErrorCode

from tests.broker.wire_client import WireClient

MINUTE = datetime.timedelta(minutes=1)
TOPICS, PARTITIONS, UNUSED = 9, 10_000, 1_000

Ask = Callable[[], Any]


def made(client: WireClient, count: int = TOPICS) -> list[tuple[str, uuid.UUID]]:
    """Name and id of each topic."""
    names = [f"wide-{number}" for number in range(count)]
    asked = [{"name": name, "num_partitions": PARTITIONS, "replication_factor": 1} for name in names]
    answer = client.call("create_topics", 7, {"topics": asked, "timeout": MINUTE})
    return [(topic.name, topic.topic_id) for topic in answer.topics]


def by_name(
    names: list[tuple[str, uuid.UUID]], key: str, count: int = PARTITIONS, **values: Any
) -> list[dict[str, Any]]:
    """Topics as most requests name them, each with `count` partitions; `key` holds the partition's number."""
    partitions = [{key: number, **values} for number in range(count)]
    return [
        {"name": name, "topic": name, "topic_id": topic_id, "topic_name": name, "partitions": partitions}
        for name, topic_id in names
    ]


def commit(client: WireClient, topics: list[tuple[str, uuid.UUID]]) -> Any:
    asked = by_name(topics, "partition_index", committed_offset=1, committed_metadata="")
    values = {"group_id": "wide", "generation_id_or_member_epoch": -1, "topics": asked}
    return client.call("offset_commit", 8, values)


def committed(client: WireClient, count: int = TOPICS) -> None:
    for topic in made(client, count):
        codes = {each.error_code for each in commit(client, [topic]).topics[0].partitions}
        assert codes == {ErrorCode.none}, codes


def offset_commit(client: WireClient) -> Ask:
    topics = made(client)
    return lambda: commit(client, topics)


def offset_commit_10k(client: WireClient) -> Ask:
    topics = made(client, 1)
    return lambda: commit(client, topics)


def offset_fetch(client: WireClient) -> Ask:
    committed(client)
    groups = [{"group_id": "wide", "topics": None}] * 5
    return lambda: client.call("offset_fetch", 8, {"groups": groups})


def offset_delete(client: WireClient) -> Ask:
    committed(client)
    topics = by_name([(f"wide-{number}", uuid.UUID(int=0)) for number in range(TOPICS)], "partition_index")
    return lambda: client.call("offset_delete", 0, {"group_id": "wide", "topics": topics})


def producer(client: WireClient) -> dict[str, Any]:
    values = {"transactional_id": "wide", "transaction_timeout": MINUTE, "producer_id": -1, "producer_epoch": -1}
    answer = client.call("init_producer_id", 4, values)
    return {"transactional_id": "wide", "producer_id": answer.producer_id, "producer_epoch": answer.producer_epoch}


def txn_commit(client: WireClient, identity: dict[str, Any], topics: list[tuple[str, uuid.UUID]]) -> Any:
    asked = by_name(topics, "partition_index", committed_offset=1, committed_metadata="")
    return client.call("txn_offset_commit", 5, {"group_id": "wide", "generation_id": -1, "topics": asked, **identity})


def txn_offset_commit(client: WireClient) -> Ask:
    topics, identity = made(client), producer(client)
    return lambda: txn_commit(client, identity, topics)


def end_with_offsets(client: WireClient) -> Ask:
    topics, identity = made(client), producer(client)
    for topic in topics:
        txn_commit(client, identity, [topic])
    return lambda: client.call("end_txn", 3, {**identity, "committed": True})


def added(
    client: WireClient, identity: dict[str, Any], names: list[tuple[str, uuid.UUID]], count: int = PARTITIONS
) -> Any:
    topics = [{"name": name, "partitions": tuple(range(count))} for name, _ in names]
    values = {"v3_and_below_" + key: value for key, value in {**identity, "topics": topics}.items()}
    return client.call("add_partitions_to_txn", 3, values)


def add_partitions(client: WireClient) -> Ask:
    topics, identity = made(client), producer(client)
    return lambda: added(client, identity, topics)


def end_txn(client: WireClient) -> Ask:
    topics, identity = made(client, 1), producer(client)
    added(client, identity, topics, UNUSED)
    return lambda: client.call("end_txn", 3, {**identity, "committed": True})


def markers(client: WireClient) -> Ask:
    topics = made(client, 1)
    asked = [{"name": name, "partition_indexes": tuple(range(UNUSED))} for name, _ in topics]
    marker = {"producer_id": 1, "producer_epoch": 0, "transaction_result": False, "topics": asked}
    return lambda: client.call("write_txn_markers", 1, {"markers": [marker]})


def fetch(client: WireClient) -> Ask:
    topics = made(client, 1)
    asked = by_name(topics, "partition", UNUSED, current_leader_epoch=-1, fetch_offset=0, partition_max_bytes=1000)
    values = {"replica_id": -1, "max_wait": MINUTE / 60, "min_bytes": 1, "max_bytes": 1 << 20, "session_epoch": -1}

    def ask() -> Any:
        for _ in range(2):
            client.call("fetch", 12, {**values, "topics": asked})

    return ask


def list_offsets(client: WireClient) -> Ask:
    topics = by_name(made(client, 1), "partition_index", UNUSED, current_leader_epoch=-1, timestamp=-1)
    return lambda: client.call("list_offsets", 4, {"replica_id": -1, "topics": topics})


def epochs(client: WireClient) -> Ask:
    topics = by_name(made(client, 1), "partition", UNUSED, current_leader_epoch=-1, leader_epoch=0)
    return lambda: client.call("offset_for_leader_epoch", 3, {"replica_id": -1, "topics": topics})


def delete_records(client: WireClient) -> Ask:
    topics = by_name(made(client, 1), "partition_index", UNUSED, offset=-1)
    return lambda: client.call("delete_records", 2, {"topics": topics, "timeout": MINUTE})


def share_offsets(client: WireClient) -> Ask:
    topics = by_name(made(client, 1), "partition_index", UNUSED, start_offset=0)
    return lambda: client.call("alter_share_group_offsets", 0, {"group_id": "wide", "topics": topics})


def share_state(client: WireClient) -> Ask:
    share_offsets(client)()
    topics = [
        {"topic_id": topic_id, "partitions": [{"partition": number} for number in range(UNUSED)]}
        for topic_id in [client.call("metadata", 12, {"topics": None}).topics[0].topic_id]
    ]
    return lambda: client.call("read_share_group_state", 0, {"group_id": "wide", "topics": topics})


WIDE: dict[str, Callable[[WireClient], Ask]] = {
    "OffsetCommit of 10,000": offset_commit_10k,
    "OffsetCommit of 90,000": offset_commit,
    "OffsetFetch of 90,000, 5 times": offset_fetch,
    "OffsetDelete of 90,000": offset_delete,
    "TxnOffsetCommit of 90,000": txn_offset_commit,
    "EndTxn, offsets of 90,000": end_with_offsets,
    "AddPartitionsToTxn of 90,000": add_partitions,
    "EndTxn of 1,000 unused": end_txn,
    "WriteTxnMarkers of 1,000 unused": markers,
    "Fetch of 1,000 unused, twice": fetch,
    "ListOffsets of 1,000 unused": list_offsets,
    "OffsetForLeaderEpoch of 1,000 unused": epochs,
    "DeleteRecords of 1,000 unused": delete_records,
    "AlterShareGroupOffsets of 1,000 unused": share_offsets,
    "ReadShareGroupState of 1,000 unused": share_state,
}
