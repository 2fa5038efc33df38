"""A start and an end that take long: who waits is told how far they are, and a stop ends a start."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from logpost.systemd.notices import Notices
from logpost_broker.broker import EMBEDDED, Broker
from logpost_broker.metadata.checkpoints import CLEAN_SHUTDOWN
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
    assert "EXTEND_TIMEOUT_USEC" in systemd.await_notice("STATUS", "closing logs: 0 of ").fields
    notices.close()


class StopsInRecovery(Notices):
    """Somebody stops the broker when it has come to the third log."""

    broker: Broker

    def advances(self, status: str, allowed_seconds: float) -> None:
        if status.startswith("recovering logs: 2 of"):
            self.broker.stop()


def test_a_stop_during_recovery_ends_it_and_the_next_start_recovers_all(crashed: Path) -> None:
    notices = StopsInRecovery()
    notices.broker = Broker(EMBEDDED, crashed, notices=notices)
    notices.broker.start()
    notices.broker.stop()
    assert not (crashed / CLEAN_SHUTDOWN).exists()
    with Broker(EMBEDDED, crashed) as broker, WireClient(broker.port) as client:
        assert [produce_values(client, topic, b"w") for topic in TOPICS] == [1] * len(TOPICS)
