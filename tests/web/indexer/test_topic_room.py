"""Topics of this box's broker give their room back, and none that the store does not have."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from hypothesis import given
from hypothesis import strategies as st

from logpost.config import Config, KafkaConfig
from logpost_broker import Broker
from logpost_web.indexer.log_sizes import log_sizes
from logpost_web.indexer.manifest import Manifest
from logpost_web.indexer.planner import PartitionKey
from logpost_web.indexer.reading import Bounds, Reading
from logpost_web.indexer.source import Source
from logpost_web.indexer.topic_room import RETRY_SECONDS, TopicRoom, trimmed_to
from logpost_web.indexer.topics import Topics
from tests.support.appliance import await_condition
from tests.web.indexer.test_away import PARTITIONS, Box
from tests.web.indexer.test_indexer import produce
from tests.web.indexer.test_retention import complete, send_random_lines

COUNT = 6_000


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0, 3))
def test_a_share_of_what_the_store_has_goes(start: int, end: int, share: float) -> None:
    to = trimmed_to(start, end, share)
    assert start <= to <= max(start, end)
    assert trimmed_to(start, max(start, end), 1) == max(start, end)


class Broken(Topics):
    """The broker refuses what it is asked."""

    def __init__(self) -> None:
        pass

    def limit_segments(self, topics: Collection[str], size: int) -> None:
        raise KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED, "not to you"))

    def are_compacted(self, topics: Collection[str]) -> dict[str, bool]:
        return dict.fromkeys(topics, False)

    def starts_of(self, partitions: Collection[PartitionKey]) -> dict[PartitionKey, int]:
        return dict.fromkeys(partitions, 0)

    def delete_before(self, offsets: Mapping[PartitionKey, int]) -> None:
        self.asked = dict(offsets)
        raise KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED, "not to you"))


def test_a_partition_gives_what_is_committed_and_a_refusal_is_said_once(
    broker: Broker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """By a broker that lets the web neither change settings nor delete."""
    produce(broker, b"x" * 1000, random.randbytes(100_000))
    config = Config(data=str(tmp_path), kafka=KafkaConfig(bootstrap_servers=broker.bootstrap_servers))
    source = Source(config, tmp_path, lambda _: {})
    source.topics = topics = Broken()
    source.committed = lambda partitions: dict.fromkeys(partitions, 40)  # type: ignore[method-assign]
    bounds = Bounds(topic_id="T", committed=0, start=0, end=100)
    manifests = [Manifest("logs", number, "T") for number in (0, 1)]
    manifests[0].take(0, 100, {}, None)
    readings = {manifest.key: Reading(manifest, bounds) for manifest in manifests}
    room = TopicRoom(config, source)
    room.look(0, readings)
    before = room.bytes
    assert before > 100_000
    for now in (0, RETRY_SECONDS - 1, RETRY_SECONDS):
        room.trim(now, 0.5, 10**9, readings)
    assert topics.asked == {("logs", 0): 20}
    assert "cannot be deleted for store.max_bytes: not to you" in room.error
    assert room.bytes == before
    assert [record.levelname for record in caplog.records if record.name == "retention"] == ["WARNING", "WARNING"]
    source.close()


def test_the_broker_says_what_logs_take_and_where_they_lie(broker: Broker, tmp_path: Path) -> None:
    produce(broker, b"x" * 1000, random.randbytes(100_000))
    found = log_sizes(KafkaConfig(bootstrap_servers=broker.bootstrap_servers), [("logs", 0)])
    assert found.directories == [tmp_path / "broker"]
    assert found.sizes["logs", 0] > 100_000


def starts(box: Box) -> list[int]:
    admin = AdminClient({"bootstrap.servers": box.bootstrap_servers})
    asked = {TopicPartition("logs", number): OffsetSpec.earliest() for number in range(PARTITIONS)}  # type: ignore[no-untyped-call]
    return [future.result().offset for future in admin.list_offsets(asked).values()]


@pytest.mark.parametrize("owned", [True, False])
def test_topics_are_trimmed_where_the_box_owns_them(tmp_path: Path, owned: bool) -> None:
    box = Box(tmp_path)
    if not owned:
        box.broker.arguments = ("broker", "--data", str(tmp_path / "elsewhere"))
    box.web.environment["LOGPOST_STORE_MAX_BYTES"] = "6MB"
    with box.broker.start():
        with box.web.start():
            box.await_ready()
            send_random_lines(box.bootstrap_servers, COUNT, 1)
            box.await_total(COUNT // 3, 60)
        with box.web.start():  # it looks at once
            box.await_ready()
            await_condition(lambda: box.get("/api/store/stats")["retention"]["last_look"] is not None, "a look", 60)
            topics = box.get("/api/store/stats")["topics_bytes"]
            if owned:
                await_condition(lambda: all(start > 0 for start in starts(box)), "topics are trimmed", 60)
                assert all(start < COUNT // PARTITIONS for start in starts(box))
            else:
                assert (topics, starts(box)) == (0, [0] * PARTITIONS)
            await_condition(lambda: complete(box)["behind"] == [], "all is indexed", 60)
            assert [complete(box)[name] for name in ("missing", "dropped", "stepped_over")] == [[], [], []]
            messages = [row["message"] for row in box.rows()]
            assert len(set(messages)) == len(messages)
