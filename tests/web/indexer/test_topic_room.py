"""Topics of this box's broker give their room back, and none that the store does not have."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from hypothesis import given
from hypothesis import strategies as st

from logpost.config import KafkaConfig
from logpost_broker import Broker
from logpost_web.indexer.log_sizes import log_sizes
from logpost_web.indexer.topic_room import trimmed_to
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
