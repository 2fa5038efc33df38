"""Share partitions of a running broker through restarts, and through what happens to the log below them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from kio.schema.errors import ErrorCode

import logpost_broker.broker
from logpost_broker import Broker
from logpost_broker.broker import EMBEDDED
from logpost_broker.groups.share.events import ShareSnapshotted
from logpost_broker.groups.share.state_record import from_record
from logpost_broker.log.records import records_in
from logpost_broker.metadata.group_limits import ShareLimits
from logpost_broker.node import Node
from tests.broker.api.conftest import create, produce_values
from tests.broker.wire_client import WireClient

GROUP, TOPIC = "g", "jobs"


class Session:
    """One share session with one partition."""

    def __init__(self, broker: Broker) -> None:
        self.client = WireClient(broker.port)
        [described] = self.client.call("metadata", 12, {"topics": [{"name": TOPIC}]}).topics
        self.topic_id = described.topic_id
        self.member = str(uuid.uuid4())
        self.epoch = 0

    def fetch(self, *accepted: tuple[int, int]) -> list[tuple[int, int, int]]:
        batches = [{"first_offset": first, "last_offset": last, "acknowledge_types": (1,)} for first, last in accepted]
        partition = {"partition_index": 0, "acknowledgement_batches": batches}
        values = {
            "group_id": GROUP,
            "member_id": self.member,
            "share_session_epoch": self.epoch,
            "max_bytes": 1 << 20,
            "max_records": 500,
            "topics": [{"topic_id": self.topic_id, "partitions": [partition]}],
        }
        answer = self.client.call("share_fetch", 2, values)
        self.epoch += 1
        places: Sequence[Any] = answer.responses[0].partitions if answer.responses else ()
        assert all(place.error_code == 0 and place.acknowledge_error_code == 0 for place in places)
        return [(run.first_offset, run.last_offset, run.delivery_count) for of in places for run in of.acquired_records]


Open = Callable[[Broker], Session]


@pytest.fixture
def session_on() -> Iterator[Open]:
    with ExitStack() as at_end:

        def make(broker: Broker) -> Session:
            session = Session(broker)
            at_end.callback(session.client.close)
            return session

        yield make


@pytest.fixture
def begin(session_on: Open) -> Open:
    """The group begins at the end of the topic, which is empty."""

    def make(broker: Broker) -> Session:
        with WireClient(broker.port) as client:
            create(client, TOPIC)
        session = session_on(broker)
        beat(session, 0, TOPIC)
        assert session.fetch() == []
        return session

    return make


def produce(broker: Broker, count: int) -> None:
    with WireClient(broker.port) as client:
        produce_values(client, TOPIC, *[b"x"] * count)


def test_a_restart_gives_again_what_was_not_acknowledged(tmp_path: Path, begin: Open, session_on: Open) -> None:
    with Broker(EMBEDDED, tmp_path) as broker:
        session = begin(broker)
        produce(broker, 10)
        assert session.fetch() == [(0, 9, 1)]
        assert session.fetch((0, 3), (6, 7)) == []
    with Broker(EMBEDDED, tmp_path) as broker:
        assert session_on(broker).fetch() == [(4, 5, 1), (8, 9, 1)]


def limited(monkeypatch: pytest.MonkeyPatch, limits: ShareLimits) -> None:
    """A broker whose journal writes its state again after every 2,000 bytes."""
    monkeypatch.setattr(logpost_broker.broker, "Node", partial(Node, snapshot_bytes=2_000, share_limits=limits))


def test_the_journal_stays_small_and_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begin: Open, session_on: Open
) -> None:
    limited(monkeypatch, ShareLimits(updates_per_snapshot=5))
    with Broker(EMBEDDED, tmp_path) as broker:
        session = begin(broker)
        produce(broker, 100)
        session.fetch()
        for offset in range(1, 100, 2):
            session.fetch((offset, offset))
    [segment] = tmp_path.glob("__share_group_state-0/*.log")
    events = [from_record(record.key or b"", record.value) for record in records_in(segment.read_bytes())]
    snapshots = [event for event in events if isinstance(event, ShareSnapshotted)]
    assert len(snapshots) >= 50 // 6
    with Broker(EMBEDDED, tmp_path) as broker:
        assert session_on(broker).fetch() == [(offset, offset, 1) for offset in range(0, 100, 2)]


def test_a_lock_that_ends_is_noticed_by_who_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begin: Open, session_on: Open
) -> None:
    limited(monkeypatch, ShareLimits(record_lock_duration_ms=50))
    with Broker(EMBEDDED, tmp_path) as broker:
        session, other = begin(broker), session_on(broker)
        other.fetch()
        produce(broker, 1)
        assert session.fetch() == [(0, 0, 1)]
        while not (given := other.fetch()):
            pass
        assert given == [(0, 0, 2)]


def test_a_shorter_lock_ends_before_a_longer_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begin: Open, session_on: Open
) -> None:
    limited(monkeypatch, ShareLimits(record_lock_duration_ms=50))

    def configure(operation: int, value: str | None) -> None:
        configs = [{"name": "share.record.lock.duration.ms", "config_operation": operation, "value": value}]
        resources = [{"resource_type": 32, "resource_name": GROUP, "configs": configs}]
        [altered] = session.client.call("incremental_alter_configs", 1, {"resources": resources}).responses
        assert altered.error_code is ErrorCode.none

    with Broker(EMBEDDED, tmp_path) as broker:
        session, other = begin(broker), session_on(broker)
        other.fetch()
        produce(broker, 1)
        configure(0, "30000")
        assert session.fetch() == [(0, 0, 1)]
        produce(broker, 1)
        configure(1, None)
        assert session.fetch() == [(1, 1, 1)]
        while not (given := other.fetch()):
            pass
        assert given == [(1, 1, 2)]


def test_records_that_retention_took_are_not_waited_for(tmp_path: Path, begin: Open) -> None:
    with Broker(EMBEDDED, tmp_path) as broker:
        session = begin(broker)
        produce(broker, 10)
        assert session.fetch() == [(0, 9, 1)]
        topics = [{"name": TOPIC, "partitions": [{"partition_index": 0, "offset": 8}]}]
        session.client.call("delete_records", 2, {"topics": topics})
        session.fetch((0, 9))
        asked = {"groups": [{"group_id": GROUP, "topics": None}]}
        [group] = session.client.call("describe_share_group_offsets", 1, asked).groups
        assert [(of.start_offset, of.lag) for of in group.topics[0].partitions] == [(10, 0)]


def beat(session: Session, epoch: int, *topics: str) -> Any:
    asked = {"group_id": GROUP, "member_id": session.member, "member_epoch": epoch, "rack_id": None}
    answer = session.client.call("share_group_heartbeat", 1, {**asked, "subscribed_topic_names": topics or None})
    assert answer.error_code is ErrorCode.none
    return answer


def test_a_member_goes_on_after_a_restart(tmp_path: Path, begin: Open, session_on: Open) -> None:
    with Broker(EMBEDDED, tmp_path) as broker:
        before = begin(broker)
        epoch = beat(before, 0, TOPIC).member_epoch
        [described] = before.client.call("share_group_describe", 1, {"group_ids": (GROUP,)}).groups
    with Broker(EMBEDDED, tmp_path) as broker:
        after = session_on(broker)
        assert after.client.call("share_group_describe", 1, {"group_ids": (GROUP,)}).groups == (described,)
        after.member = before.member
        told = beat(after, epoch)
        assert (told.member_epoch, told.assignment) == (epoch, None)


def test_what_a_member_had_that_is_silent_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begin: Open, session_on: Open
) -> None:
    limited(monkeypatch, ShareLimits(session_timeout_ms=1_000))
    with Broker(EMBEDDED, tmp_path) as broker:
        session, other = begin(broker), session_on(broker)
        other.fetch()
        produce(broker, 1)
        beat(session, 0, TOPIC)
        assert session.fetch() == [(0, 0, 1)]
        while not (given := other.fetch()):
            pass
        assert given == [(0, 0, 2)]
