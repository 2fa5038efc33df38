"""Records that a client deletes: gone at once, for good, and with the room they took."""

from __future__ import annotations

import errno
import random
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kio.schema.errors import ErrorCode

from logpost_broker import Broker
from logpost_broker.log.files import File, Files
from logpost_broker.log.records import build_batch, records_in
from logpost_broker.metadata.checkpoints import LOG_STARTS
from tests.broker.api.conftest import NewTopic, create, produce, produce_values
from tests.broker.wire_client import WireClient, versions
from tests.support.processes import Part, free_port

UNKNOWN = ErrorCode.unknown_topic_or_partition
SEGMENT = random.Random(0).randbytes(2000)
"""A value that does not become smaller, and fills a segment."""


def delete(client: WireClient, offsets: dict[tuple[str, int], int], version: int = 2) -> dict[tuple[str, int], Any]:
    """Delete below the offsets; answers (error, low watermark) of each partition."""
    names = dict.fromkeys(name for name, _ in offsets)
    topics = [
        {
            "name": name,
            "partitions": [
                {"partition_index": index, "offset": offset} for (of, index), offset in offsets.items() if of == name
            ],
        }
        for name in names
    ]
    answer = client.call("delete_records", version, {"topics": topics})
    return {
        (topic.name, partition.partition_index): (partition.error_code, partition.low_watermark)
        for topic in answer.topics
        for partition in topic.partitions
    }


def fetch(client: WireClient, topic: str, offset: int) -> Any:
    partitions = [{"partition": 0, "fetch_offset": offset, "partition_max_bytes": 10_000}]
    answer = client.call("fetch", 4, {"topics": [{"topic": topic, "partitions": partitions}]})
    return answer.responses[0].partitions[0]


def earliest(client: WireClient, topic: str) -> int:
    partitions = [{"partition_index": 0, "timestamp": -2}]
    answer = client.call("list_offsets", 7, {"topics": [{"name": topic, "partitions": partitions}]})
    return int(answer.topics[0].partitions[0].offset)


def test_what_is_sent_behind_a_deletion_stays(client: WireClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also without waiting for its answer, and while other partitions are still looked at."""
    monkeypatch.setattr("logpost_broker.turns.STEP_SECONDS", -1.0)
    topic, last = f"behind-{uuid.uuid4().hex}", 49
    create(client, topic, num_partitions=last + 1)
    data = [{"index": last, "records": build_batch([(None, b"v")], 1)}]
    record = {"acks": -1, "topic_data": [{"name": topic, "partition_data": data}]}
    partitions = [{"partition_index": number, "offset": -1} for number in range(last + 1)]
    client.call("produce", 9, record)
    client.send("delete_records", 2, {"topics": [{"name": topic, "partitions": partitions}]})
    client.send("produce", 9, record)
    deleted, _ = client.receive(), client.receive()
    assert deleted.topics[0].partitions[last].low_watermark == 1


@pytest.mark.parametrize("version", versions("delete_records"))
def test_records_below_the_offset_are_gone(client: WireClient, new_topic: NewTopic, version: int) -> None:
    topic = new_topic()
    produce_values(client, topic, *[b"v"] * 10)
    assert delete(client, {(topic, 0): 4}, version) == {(topic, 0): (ErrorCode.none, 4)}
    assert earliest(client, topic) == 4
    assert fetch(client, topic, 3).error_code is ErrorCode.offset_out_of_range
    assert [record.offset for record in records_in(fetch(client, topic, 4).records)][-1] == 9
    assert delete(client, {(topic, 0): 2}, version) == {(topic, 0): (ErrorCode.none, 4)}, "it never moves back"
    assert delete(client, {(topic, 0): -1}, version) == {(topic, 0): (ErrorCode.none, 10)}
    assert earliest(client, topic) == 10
    assert produce_values(client, topic, b"next") == 10


def test_what_cannot_be_deleted_is_refused_with_kafkas_errors(client: WireClient, new_topic: NewTopic) -> None:
    topic, compacted, both = (new_topic(cleanup_policy=policy) for policy in ("delete", "compact", "compact,delete"))
    for name in (topic, compacted, both):
        assert produce(client, name, build_batch([(b"k", b"v")], 1)).error_code is ErrorCode.none
    found = delete(
        client,
        {
            (topic, 0): 2,
            (topic, 1): 0,
            ("nobody-knows", 0): 0,
            (compacted, 0): 1,
            (both, 0): 1,
        },
    )
    assert found == {
        (topic, 0): (ErrorCode.offset_out_of_range, -1),
        (topic, 1): (UNKNOWN, -1),
        ("nobody-knows", 0): (UNKNOWN, -1),
        (compacted, 0): (ErrorCode.policy_violation, -1),
        (both, 0): (ErrorCode.none, 1),
    }
    assert delete(client, {(topic, 0): -2}) == {(topic, 0): (ErrorCode.offset_out_of_range, -1)}


def test_the_brokers_own_topics_are_refused(client: WireClient, new_topic: NewTopic) -> None:
    committed = [{"name": new_topic(), "partitions": [{"partition_index": 0, "committed_offset": 1}]}]
    client.call("offset_commit", 2, {"group_id": "g", "generation_id_or_member_epoch": -1, "topics": committed})
    found = delete(client, {("__consumer_offsets", 0): -1})
    assert found == {("__consumer_offsets", 0): (ErrorCode.invalid_topic_exception, -1)}


def test_deleting_up_to_the_end_gives_the_room_back(shared_broker: Broker, new_topic: NewTopic) -> None:
    with WireClient(shared_broker.port) as client:
        topic = new_topic(segment_bytes="3000")
        for _ in range(5):
            produce_values(client, topic, SEGMENT)
        directory = shared_broker.directory / f"{topic}-0"
        assert len(list(directory.glob("*.log"))) == 5
        assert delete(client, {(topic, 0): 3}) == {(topic, 0): (ErrorCode.none, 3)}
        assert len(list(directory.glob("*.log"))) == 2
        assert delete(client, {(topic, 0): -1}) == {(topic, 0): (ErrorCode.none, 5)}
        [log] = directory.glob("*.log")
        assert (log.name, log.stat().st_size) == (f"{5:020d}.log", 0)


@pytest.fixture
def checkpoint_writes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """Which times the log starts were written."""
    writes: list[Path] = []
    replace = Files.replace

    def counted(self: Files, path: Path, data: bytes, *, synced: bool = True) -> None:
        if path.name == LOG_STARTS:
            writes.append(path)
        replace(self, path, data, synced=synced)

    monkeypatch.setattr(Files, "replace", counted)
    yield writes


def test_many_partitions_are_one_write(client: WireClient, checkpoint_writes: list[Path]) -> None:
    name = f"many-{uuid.uuid4().hex}"
    create(client, name, num_partitions=200)
    assert set(delete(client, {(name, index): 0 for index in range(200)}).values()) == {(ErrorCode.none, 0)}
    assert not checkpoint_writes, "nothing moved"
    for index in range(200):
        assert produce(client, name, build_batch([(None, b"v")], 1), partition=index).error_code is ErrorCode.none
    assert set(delete(client, {(name, index): -1 for index in range(200)}).values()) == {(ErrorCode.none, 1)}
    assert len(checkpoint_writes) == 1


def test_an_answered_delete_outlives_kill_9(tmp_path: Path) -> None:
    port = free_port()
    settings = {"broker.port": port, "broker.metrics_port": 0, "broker.segment_bytes": 3000}
    part = Part("broker", "--data", str(tmp_path), settings=settings)
    with part:
        with WireClient(port) as client:
            create(client, "t")
            for _ in range(5):
                produce_values(client, "t", SEGMENT)
            assert delete(client, {("t", 0): 3}) == {("t", 0): (ErrorCode.none, 3)}
        part.kill()
        for name in ("00000000000000000002.log", "00000000000000000001.index.deleted"):  # a crash during the removal
            (tmp_path / "broker" / "t-0" / name).touch()
        part.start()
        with WireClient(port) as client:
            assert earliest(client, "t") == 3
            assert fetch(client, "t", 2).error_code is ErrorCode.offset_out_of_range
            assert produce_values(client, "t", b"v") == 5
    files = {path.name for path in (tmp_path / "broker" / "t-0").iterdir()}
    assert {name for name in files if name.endswith((".log", ".deleted"))} == {
        "00000000000000000003.log",
        "00000000000000000004.log",
    }


def test_a_partition_that_goes_offline_meanwhile_is_not_said_to_have_lost_its_records(
    client: WireClient, new_topic: NewTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, well = new_topic(), new_topic()
    for topic in (broken, well):
        produce_values(client, topic, b"v")
    opened = Files.open

    def fails_for_one(self: Files, path: Path) -> File:
        if broken in str(path):
            raise OSError(errno.EIO, "Input/output error")
        return opened(self, path)

    monkeypatch.setattr(Files, "open", fails_for_one)
    assert delete(client, {(broken, 0): -1, (well, 0): -1}) == {
        (broken, 0): (ErrorCode.kafka_storage_error, -1),
        (well, 0): (ErrorCode.none, 1),
    }
