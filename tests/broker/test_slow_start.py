"""A start and an end that take long: who waits is told how far they are, and a stop ends a start."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from kio.schema.errors import ErrorCode

from logpost.systemd.notices import Notices
from logpost_broker.broker import EMBEDDED, Broker
from logpost_broker.metadata.checkpoints import CLEAN_SHUTDOWN, RECOVERY_POINTS, parsed_checkpoint
from tests.broker.api.conftest import produce_values
from tests.broker.wire_client import WireClient
from tests.support.systemd import NotifySocket

TOPICS = ("a", "b", "c", "d", "e")


@pytest.fixture
def crashed(tmp_path: Path) -> Path:
    """What a broker left behind that was killed."""
    with Broker(EMBEDDED, tmp_path / "running") as broker, WireClient(broker.port) as client:
        for topic in TOPICS:
            client.call("metadata", 4, {"topics": [{"name": topic}], "allow_auto_topic_creation": True})
            produce_values(client, topic, b"v")
        shutil.copytree(tmp_path / "running", tmp_path / "crashed")
    return tmp_path / "crashed"


@pytest.fixture
def systemd() -> Iterator[NotifySocket]:
    with NotifySocket() as listening:
        yield listening


def test_recovery_and_drain_tell_how_far_they_are(crashed: Path, systemd: NotifySocket) -> None:
    notices = Notices.from_environment(dict(systemd.environment))
    with Broker(EMBEDDED, crashed, notices=notices):
        heard = systemd.await_notice("STATUS", "recovering logs: 4 of 5")
    assert int(heard.fields["EXTEND_TIMEOUT_USEC"]) > 0
    assert "EXTEND_TIMEOUT_USEC" in systemd.await_notice("STATUS", "syncing logs: 0 of ").fields
    notices.close()


class Stops(Notices):
    """Somebody stops the broker when it says this."""

    broker: Broker

    def __init__(self, when: str) -> None:
        super().__init__()
        self._when = when

    def advances(self, status: str, allowed_seconds: float) -> None:
        if status.startswith(self._when):
            self.broker.stop()


def start_and_stop(directory: Path, when: str) -> None:
    notices = Stops(when)
    notices.broker = Broker(EMBEDDED, directory, notices=notices)
    notices.broker.start()
    notices.broker.stop()


def test_a_stop_during_recovery_ends_it_and_the_next_start_recovers_the_rest(crashed: Path) -> None:
    start_and_stop(crashed, "recovering logs: 2 of")
    assert not (crashed / CLEAN_SHUTDOWN).exists()
    points = parsed_checkpoint((crashed / RECOVERY_POINTS).read_bytes())
    assert [points.get((topic, 0), 0) for topic in TOPICS] == [1, 1, 0, 0, 0]
    with Broker(EMBEDDED, crashed) as broker, WireClient(broker.port) as client:
        assert [produce_values(client, topic, b"w") for topic in TOPICS] == [1] * len(TOPICS)


def test_a_stop_behind_recovery_keeps_what_it_has_done(crashed: Path) -> None:
    committed = [{"name": "a", "partitions": [{"partition_index": 0, "committed_offset": 1}]}]
    with Broker(EMBEDDED, crashed) as broker, WireClient(broker.port) as client:
        asked = {"group_id": "g", "generation_id_or_member_epoch": -1, "topics": committed}
        assert client.call("offset_commit", 8, asked).topics[0].partitions[0].error_code is ErrorCode.none
    (crashed / CLEAN_SHUTDOWN).unlink()
    start_and_stop(crashed, "reading the groups")
    assert (crashed / CLEAN_SHUTDOWN).exists()
    with Broker(EMBEDDED, crashed) as broker, WireClient(broker.port) as client:
        assert [produce_values(client, topic, b"w") for topic in TOPICS] == [1] * len(TOPICS)
