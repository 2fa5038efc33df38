"""The agent's loop with a source of no kind that it knows."""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from logpost.agent.agent import Agent
from logpost.agent.delivery.acks import Acks
from logpost.agent.delivery.positions import Host, Place, PositionsFile
from logpost.agent.metrics.counts import Counts
from logpost.agent.sources.source import HandedOver, SourceContext
from logpost.config import AgentConfig, Config, KafkaConfig
from logpost.errors import StartError
from logpost.record import Record, Src
from logpost.systemd.notices import Notices
from logpost_broker import Broker
from tests.collector.agent.topic import TopicReader


class Numbers:
    """Counts to ten, three numbers a turn."""

    due = 0.0

    def __init__(self, place: Place, context: SourceContext) -> None:
        self._acks = Acks(place.read(int) or 0)
        self._id = context.new_id() if place.original else "numbers"
        self._context = context
        self.looks = 0
        self.finished = self.closed = False

    @property
    def has_work(self) -> bool:
        return self._acks.sent < 10

    def look(self, now: float, now_ns: int) -> None:
        self.looks += 1

    def turn(self, now: float, now_ns: int) -> None:
        for number in range(self._acks.sent, min(10, self._acks.sent + 3)):
            src = Src(id=self._id, start=number, end=number + 1)
            value = msgspec.json.encode(Record(ts="2026-11-22T10:51:07Z", message=str(number), src=src))
            self._context.sink.send(b"numbers", value, self._acks, number, number + 1)

    def finish(self, now: float, now_ns: int) -> None:
        self.finished = True

    def position(self, now_s: int) -> msgspec.Raw | None:
        return msgspec.Raw(str(self._acks.acknowledged).encode())

    def hand_over(self, now_s: int) -> HandedOver:
        self.close()
        return HandedOver(self.position(now_s))

    def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """As it was: the agent freezes what there is, which is its whole process's business."""
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def test_a_source_of_any_kind_is_read_saved_and_ended(tmp_path: Path, broker: Broker) -> None:
    PositionsFile(tmp_path / "positions.json").save({"numbers": msgspec.Raw(b"4"), "other": msgspec.Raw(b'"kept"')})
    config = Config(kafka=KafkaConfig(bootstrap_servers=broker.bootstrap_servers), agent=AgentConfig())
    begun: list[Numbers] = []

    def begin(place: Place, context: SourceContext) -> Numbers:
        begun.append(Numbers(place, context))
        return begun[0]

    notices, listener = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    agent = Agent(config, {"numbers": begin}, tmp_path, Counts(), notices=Notices(notices, watch_seconds=60))
    running = threading.Thread(target=agent.run)
    running.start()
    topic = TopicReader(broker.bootstrap_servers)
    try:
        records = topic.read_count(6)
    finally:
        agent.stop()
        running.join()
        topic.close()
    notices.close()
    with listener:
        said = [notice for notice in iter(lambda: listener.recv(65536), b"") if b"WATCHDOG_USEC" in notice]
    assert said[-2:] == [b"WATCHDOG_USEC=600000000\nWATCHDOG=1", b"WATCHDOG_USEC=60000000\nWATCHDOG=1"]
    assert sorted(int(record.message) for record in records) == [4, 5, 6, 7, 8, 9]
    assert (begun[0].looks > 0, begun[0].finished, begun[0].closed) == (True, True, True)
    saved = PositionsFile(tmp_path / "positions.json")
    assert (saved.place("numbers").read(int), saved.place("other").read(str)) == (10, "kept")


def test_another_source_goes_on_where_the_one_before_stood(tmp_path: Path, broker: Broker) -> None:
    config = Config(kafka=KafkaConfig(bootstrap_servers=broker.bootstrap_servers), agent=AgentConfig())
    begun: list[Numbers] = []

    def begin(place: Place, context: SourceContext) -> Numbers:
        begun.append(Numbers(place, context))
        return begun[-1]

    agent = Agent(config, {"numbers": begin, "more": Numbers}, tmp_path, Counts())
    running = threading.Thread(target=agent.run)
    running.start()
    topic = TopicReader(broker.bootstrap_servers)
    try:
        topic.read_count(20)
        agent.reconfigure(config, {"numbers": begin, "more": None})
        assert (begun[0].closed, begun[1].closed, begun[1].has_work) == (True, False, False)
    finally:
        agent.stop()
        running.join()
        topic.close()
    saved = PositionsFile(tmp_path / "positions.json")
    assert (saved.place("numbers").read(int), saved.place("more").read(int)) == (10, 10)
    with pytest.raises(StartError, match="its settings stay as they were"):
        agent.reconfigure(config, {})


def test_a_source_that_is_configured_again_goes_on_where_it_was_left(
    tmp_path: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also before that was saved."""
    monkeypatch.setattr("logpost.agent.agent.SAVE_SECONDS", 1000.0)
    config = Config(kafka=KafkaConfig(bootstrap_servers=broker.bootstrap_servers), agent=AgentConfig())
    begun: list[int] = []

    def begin(place: Place, context: SourceContext) -> Numbers:
        begun.append(place.read(int) or 0)
        return Numbers(place, context)

    agent = Agent(config, {"numbers": begin}, tmp_path, Counts())
    running = threading.Thread(target=agent.run)
    running.start()
    topic = TopicReader(broker.bootstrap_servers)
    try:
        topic.read_count(10)
        agent.reconfigure(config, {"numbers": None, "more": Numbers})
        agent.reconfigure(config, {"numbers": begin})
    finally:
        agent.stop()
        running.join()
        topic.close()
    assert begun == [0, 10]


def test_a_source_that_cannot_begin_again_loses_no_position(tmp_path: Path, broker: Broker) -> None:
    config = Config(kafka=KafkaConfig(bootstrap_servers=broker.bootstrap_servers), agent=AgentConfig())

    def refuse(place: Place, context: SourceContext) -> Numbers:
        raise StartError("it cannot begin")

    agent = Agent(config, {"numbers": Numbers, "more": Numbers}, tmp_path, Counts())
    running = threading.Thread(target=agent.run)
    running.start()
    topic = TopicReader(broker.bootstrap_servers)
    try:
        topic.read_count(20)
        with pytest.raises(StartError, match="it cannot begin"):
            agent.reconfigure(config, {"numbers": refuse})
    finally:
        agent.stop()
        running.join()
        topic.close()
    assert PositionsFile(tmp_path / "positions.json").place("numbers").read(int) == 10


def test_settings_that_come_too_late_never_hold(
    tmp_path: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop looks at files that do not answer while somebody asks, who is told that nothing has changed."""
    monkeypatch.setattr("logpost.agent.wanted.RECONFIGURE_SECONDS", 0.1)
    config = Config(kafka=KafkaConfig(bootstrap_servers=broker.bootstrap_servers), agent=AgentConfig())
    looking, answers = threading.Event(), threading.Event()

    class Slow(Numbers):
        def look(self, now: float, now_ns: int) -> None:
            super().look(now, now_ns)
            if self.looks > 1:
                looking.set()
                answers.wait()

    begun: list[Slow] = []

    def begin(place: Place, context: SourceContext) -> Slow:
        begun.append(Slow(place, context))
        return begun[-1]

    agent = Agent(config, {"numbers": begin}, tmp_path, Counts())
    running = threading.Thread(target=agent.run)
    running.start()
    try:
        looking.wait()
        with pytest.raises(StartError, match="its settings stay as they were"):
            agent.reconfigure(config, {"numbers": begin})
        answers.set()
        monkeypatch.undo()
        agent.reconfigure(config, {})
        assert (len(begun), begun[0].closed) == (1, False)
    finally:
        answers.set()
        agent.stop()
        running.join()


def test_on_another_host_the_new_streams_are_saved_before_anything_is_sent(
    tmp_path: Path, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    """Also those of a source that is configured later, while the agent runs."""
    path, clone = tmp_path / "positions.json", Host(machine="a", name="web-2")
    PositionsFile(path, Host(machine="a", name="web-1")).save({"numbers": msgspec.Raw(b"4"), "more": msgspec.Raw(b"4")})
    config = Config(kafka=KafkaConfig(bootstrap_servers=broker.bootstrap_servers))
    agent = Agent(config, {"numbers": Numbers}, tmp_path, Counts(), host=clone)
    assert [PositionsFile(path, clone).place(name).original for name in ("numbers", "more")] == ["", "host web-1"]
    running = threading.Thread(target=agent.run)
    running.start()
    saved_first: list[str] = []

    def begin(place: Place, context: SourceContext) -> Numbers:
        saved_first.append(place.original)
        return Numbers(place, context)

    try:
        agent.reconfigure(config, {"more": begin})
        assert (saved_first, PositionsFile(path, clone).place("more").original) == (["host web-1"], "")
    finally:
        agent.stop()
        running.join()
    said = "these positions are of host web-1: new streams begin where they end"
    assert caplog.messages.count(said) == 2
